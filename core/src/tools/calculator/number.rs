//! Numbers: exact as long as they can be.

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The longest whole number, in bits: about ten thousand digits.
const MAX_BITS: u64 = 33_220;
/// The longest part of a fraction, in bits: about a thousand digits. Fractions are reduced at every step,
/// which costs more.
const MAX_FRACTION_BITS: u64 = 3_322;
/// How many decimals of a fraction without end are shown.
const DECIMALS: usize = 30;
/// How many decimals of a fraction with an end are shown at most.
const MAX_DECIMALS: usize = 1000;

const TOO_LARGE: &str = "the result is too large: a number may have ten thousand digits";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Whole(BigInt),
    /// Never whole.
    Fraction(BigRational),
    /// The nearest `f64`; finite.
    Near(f64),
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Whole(number.into())
    }
}

impl Number {
    pub(super) fn whole(number: BigInt) -> Result<Self, String> {
        if number.bits() > MAX_BITS { Err(TOO_LARGE.to_owned()) } else { Ok(Self::Whole(number)) }
    }

    pub(super) fn ratio(ratio: BigRational) -> Result<Self, String> {
        if ratio.is_integer() {
            return Self::whole(ratio.to_integer());
        }
        if ratio.numer().bits().max(ratio.denom().bits()) > MAX_FRACTION_BITS {
            return Err("the result is a fraction of more than a thousand digits".to_owned());
        }
        Ok(Self::Fraction(ratio))
    }

    pub(super) fn near(number: f64) -> Result<Self, String> {
        if number.is_finite() {
            Ok(Self::Near(number))
        } else if number.is_nan() {
            Err("the result is not a real number".to_owned())
        } else {
            Err("the result is too large".to_owned())
        }
    }

    /// The nearest `f64`.
    pub(super) fn float(&self) -> Result<f64, String> {
        let float = match self {
            Self::Whole(number) => number.to_f64(),
            Self::Fraction(ratio) => ratio.to_f64(),
            Self::Near(number) => Some(*number),
        };
        float.filter(|it| it.is_finite()).ok_or_else(|| "a number is too large here".to_owned())
    }

    /// Its value as a fraction, if it is exact.
    pub(super) fn exact(&self) -> Option<BigRational> {
        match self {
            Self::Whole(number) => Some(BigRational::from_integer(number.clone())),
            Self::Fraction(ratio) => Some(ratio.clone()),
            Self::Near(_) => None,
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        match self {
            Self::Whole(number) => number.is_zero(),
            Self::Fraction(_) => false,
            Self::Near(number) => *number == 0.0,
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Whole(number) => Self::Whole(-number),
            Self::Fraction(ratio) => Self::Fraction(-ratio),
            Self::Near(number) => Self::Near(-number),
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Result<Self, String> {
        self.combined(
            other,
            |one, other| one + other,
            |one, other| one + other,
            |one, other| one + other,
        )
    }

    pub(super) fn minus(&self, other: &Self) -> Result<Self, String> {
        self.plus(&other.clone().negated())
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self, String> {
        if let (Self::Whole(one), Self::Whole(other)) = (self, other)
            && one.bits() + other.bits() > MAX_BITS + 1
        {
            return Err(TOO_LARGE.to_owned());
        }
        self.combined(
            other,
            |one, other| one * other,
            |one, other| one * other,
            |one, other| one * other,
        )
    }

    pub(super) fn over(&self, other: &Self) -> Result<Self, String> {
        if other.is_zero() {
            return Err("division by zero".to_owned());
        }
        match (self.small_exact()?, other.small_exact()?) {
            (Some(one), Some(other)) => Self::ratio(one / other),
            _ => Self::near(self.float()? / other.float()?),
        }
    }

    /// The quotient, rounded down, and what is left, which has the sign of the divisor.
    pub(super) fn divided(&self, other: &Self) -> Result<(Self, Self), String> {
        if other.is_zero() {
            return Err("division by zero".to_owned());
        }
        if let (Self::Whole(one), Self::Whole(divisor)) = (self, other) {
            let (mut quotient, mut rest) = (one / divisor, one % divisor);
            if !rest.is_zero() && rest.is_negative() != divisor.is_negative() {
                quotient -= 1;
                rest += divisor;
            }
            return Ok((Self::Whole(quotient), Self::Whole(rest)));
        }
        let quotient = self.over(other)?.floor()?;
        let rest = self.minus(&quotient.times(other)?)?;
        Ok((quotient, rest))
    }

    pub(super) fn power(&self, exponent: &Self) -> Result<Self, String> {
        let (Some(base), Self::Whole(exponent)) = (self.exact(), exponent) else {
            return Self::near(self.float()?.powf(exponent.float()?));
        };
        let negative = exponent.is_negative();
        if negative && base.is_zero() {
            return Err("division by zero".to_owned());
        }
        if base.is_zero() || base.is_one() {
            return if exponent.is_zero() { Ok(Self::from(1)) } else { Self::ratio(base) };
        }
        let even = !exponent.bit(0);
        if (-&base).is_one() {
            return Ok(Self::from(if even { 1 } else { -1 }));
        }
        let bits = base.numer().bits().max(base.denom().bits());
        let exponent = exponent.magnitude().to_u32().ok_or(TOO_LARGE)?;
        if bits.saturating_sub(1).saturating_mul(exponent.into()) > MAX_BITS {
            return Err(TOO_LARGE.to_owned());
        }
        let (numer, denom) = (base.numer().pow(exponent), base.denom().pow(exponent));
        if denom.is_one() && !negative {
            return Self::whole(numer);
        }
        Self::within(&numer, &denom)?;
        let (numer, denom) = if negative { (denom, numer) } else { (numer, denom) };
        Self::ratio(BigRational::new(numer, denom))
    }

    pub(super) fn floor(&self) -> Result<Self, String> {
        match self {
            Self::Whole(_) => Ok(self.clone()),
            Self::Fraction(ratio) => Self::ratio(ratio.floor()),
            Self::Near(number) => Self::near(number.floor()),
        }
    }

    /// As it is shown; what is not exact says so.
    pub(super) fn shown(&self) -> Result<String, String> {
        Ok(match self {
            Self::Whole(number) => number.to_string(),
            Self::Fraction(ratio) => shown_ratio(ratio),
            Self::Near(number) => format!("{number} (approximate)"),
        })
    }

    fn combined(
        &self,
        other: &Self,
        whole: impl Fn(&BigInt, &BigInt) -> BigInt,
        ratio: impl Fn(BigRational, BigRational) -> BigRational,
        near: impl Fn(f64, f64) -> f64,
    ) -> Result<Self, String> {
        if let (Self::Whole(one), Self::Whole(other)) = (self, other) {
            return Self::whole(whole(one, other));
        }
        match (self.small_exact()?, other.small_exact()?) {
            (Some(one), Some(other)) => Self::ratio(ratio(one, other)),
            _ => Self::near(near(self.float()?, other.float()?)),
        }
    }

    /// Its exact value, if it is short enough for calculating with fractions.
    fn small_exact(&self) -> Result<Option<BigRational>, String> {
        let exact = self.exact();
        if let Some(ratio) = &exact {
            Self::within(ratio.numer(), ratio.denom())?;
        }
        Ok(exact)
    }

    fn within(numer: &BigInt, denom: &BigInt) -> Result<(), String> {
        if numer.bits().max(denom.bits()) > MAX_FRACTION_BITS {
            return Err(
                "fractions are only calculated with numbers of up to a thousand digits".into()
            );
        }
        Ok(())
    }
}

fn shown_ratio(ratio: &BigRational) -> String {
    let (ten, five, two) = (BigInt::from(10), BigInt::from(5), BigInt::from(2));
    // A fraction has an end in decimals if its denominator divides a power of ten.
    let mut rest = ratio.denom().clone();
    let mut decimals = 0_usize;
    let (mut twos, mut fives) = (0, 0);
    while (&rest % &two).is_zero() {
        rest /= &two;
        twos += 1;
    }
    while (&rest % &five).is_zero() {
        rest /= &five;
        fives += 1;
    }
    decimals += twos.max(fives);
    let ends = rest.is_one() && decimals <= MAX_DECIMALS;
    let shown = if ends { decimals } else { DECIMALS };
    let scale = num_traits::pow(ten, shown);
    let scaled = (ratio * BigRational::from_integer(scale)).round().to_integer();
    let digits = format!("{:0>width$}", scaled.magnitude().to_string(), width = shown + 1);
    let (whole, decimals) = digits.split_at(digits.len() - shown);
    let sign = if ratio.numer().sign() == Sign::Minus { "-" } else { "" };
    if ends {
        return format!("{sign}{whole}.{decimals}");
    }
    format!("{sign}{whole}.{decimals} (rounded; exactly {ratio})")
}
