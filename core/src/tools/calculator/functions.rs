//! Functions and constants by name.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};

use super::number::Number;

/// The largest number whose factorial is taken: 3000! has 9131 digits.
const MAX_FACTORIAL: u32 = 3000;
/// The most decimals to round to.
const MAX_DECIMALS: i64 = 300;

type Calculated = Result<Number, String>;

pub(super) fn constant(name: &str) -> Calculated {
    match name {
        "pi" => Ok(Number::Near(std::f64::consts::PI)),
        "e" => Ok(Number::Near(std::f64::consts::E)),
        "tau" => Ok(Number::Near(std::f64::consts::TAU)),
        _ => Err(format!("`{name}` is not known")),
    }
}

pub(super) fn call(name: &str, arguments: &[Number]) -> Calculated {
    match (name, arguments) {
        ("abs", [x]) => {
            Ok(if order(x, &Number::from(0))?.is_lt() { x.clone().negated() } else { x.clone() })
        }
        ("min", [first, rest @ ..]) => chosen(first, rest, Ordering::is_lt),
        ("max", [first, rest @ ..]) => chosen(first, rest, Ordering::is_gt),
        ("sum", all) => all.iter().try_fold(Number::from(0), |sum, x| sum.plus(x)),
        ("round", [x]) => round(x, 0),
        ("round", [x, decimals]) => round(x, small(decimals, MAX_DECIMALS)?),
        ("floor", [x]) => x.floor(),
        ("ceil", [x]) => Ok(x.clone().negated().floor()?.negated()),
        ("trunc" | "int", [x]) => {
            let whole = call("abs", std::slice::from_ref(x))?.floor()?;
            Ok(if order(x, &Number::from(0))?.is_lt() { whole.negated() } else { whole })
        }
        ("sqrt", [x]) => root(x),
        ("gcd", [first, rest @ ..]) => rest
            .iter()
            .try_fold(integer(first)?.abs(), |sum, x| Ok(sum.gcd(integer(x)?)))
            .and_then(Number::whole),
        ("lcm", [one, other]) => Number::whole(integer(one)?.lcm(integer(other)?)),
        ("factorial", [x]) => factorial(x),
        ("comb", [n, k]) => combinations(n, k),
        ("pow", [x, y]) => x.power(y),
        ("mod", [x, y]) => Ok(x.divided(y)?.1),
        ("log", [x, base]) => Number::near(positive(x)?.ln() / positive(base)?.ln()),
        ("atan2", [y, x]) => Number::near(y.float()?.atan2(x.float()?)),
        (_, [x]) => float(name, x),
        _ => Err(format!("`{name}` is not known with {} arguments", arguments.len())),
    }
}

fn float(name: &str, x: &Number) -> Calculated {
    let result = match name {
        "exp" => x.float()?.exp(),
        "ln" | "log" => positive(x)?.ln(),
        "log2" => positive(x)?.log2(),
        "log10" => positive(x)?.log10(),
        "cbrt" => x.float()?.cbrt(),
        "sin" => x.float()?.sin(),
        "cos" => x.float()?.cos(),
        "tan" => x.float()?.tan(),
        "asin" => x.float()?.asin(),
        "acos" => x.float()?.acos(),
        "atan" => x.float()?.atan(),
        "sinh" => x.float()?.sinh(),
        "cosh" => x.float()?.cosh(),
        "tanh" => x.float()?.tanh(),
        "degrees" => x.float()?.to_degrees(),
        "radians" => x.float()?.to_radians(),
        _ => return Err(format!("there is no function `{name}` of one argument")),
    };
    Number::near(result)
}

fn positive(x: &Number) -> Result<f64, String> {
    let float = x.float()?;
    if float > 0.0 { Ok(float) } else { Err("only numbers above zero have a logarithm".to_owned()) }
}

fn order(one: &Number, other: &Number) -> Result<Ordering, String> {
    match (one, other) {
        (Number::Whole(one), Number::Whole(other)) => Ok(one.cmp(other)),
        _ => match (one.exact(), other.exact()) {
            (Some(one), Some(other)) => Ok(one.cmp(&other)),
            _ => Ok(one.float()?.total_cmp(&other.float()?)),
        },
    }
}

fn chosen(first: &Number, rest: &[Number], better: fn(Ordering) -> bool) -> Calculated {
    let best = rest.iter().try_fold(first, |best, x| {
        order(x, best).map(|order| if better(order) { x } else { best })
    });
    best.cloned()
}

fn integer(x: &Number) -> Result<&BigInt, String> {
    match x {
        Number::Whole(number) => Ok(number),
        Number::Fraction(_) | Number::Near(_) => Err("a whole number is needed here".to_owned()),
    }
}

/// A whole number of at most this size.
fn small(x: &Number, most: i64) -> Result<i64, String> {
    let number = integer(x)?.to_i64().filter(|it| it.abs() <= most);
    number.ok_or_else(|| format!("a whole number from -{most} to {most} is needed here"))
}

/// To the nearest, and a half away from zero, as people round.
fn round(x: &Number, decimals: i64) -> Calculated {
    let Some(exact) = x.exact() else {
        let scale = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
        return Number::near((x.float()? * scale).round() / scale);
    };
    let scale = BigInt::from(10).pow(u32::try_from(decimals.unsigned_abs()).unwrap_or(0));
    let scale = BigRational::from_integer(scale);
    let scale = if decimals < 0 { scale.recip() } else { scale };
    Number::ratio((exact * &scale).round() / scale)
}

/// Exact where it can be.
fn root(x: &Number) -> Calculated {
    if order(x, &Number::from(0))?.is_lt() {
        return Err("a negative number has no real square root".to_owned());
    }
    if let Some(exact) = x.exact() {
        let (numer, denom) = (exact.numer().sqrt(), exact.denom().sqrt());
        if &(&numer * &numer) == exact.numer() && &(&denom * &denom) == exact.denom() {
            return Number::ratio(BigRational::new(numer, denom));
        }
    }
    Number::near(x.float()?.sqrt())
}

fn factorial(x: &Number) -> Calculated {
    let number = integer(x)?.to_u32().filter(|it| *it <= MAX_FACTORIAL);
    let wanted = || format!("factorials are of whole numbers from 0 to {MAX_FACTORIAL}");
    Number::whole((1..=number.ok_or_else(wanted)?).map(BigInt::from).product())
}

fn combinations(n: &Number, k: &Number) -> Calculated {
    let wanted = || format!("`comb` is of whole numbers from 0 to {MAX_FACTORIAL}");
    let part = |x: &Number| integer(x).ok()?.to_u32().filter(|it| *it <= MAX_FACTORIAL);
    let (n, k) = (part(n).ok_or_else(wanted)?, part(k).ok_or_else(wanted)?);
    if k > n {
        return Ok(Number::from(0));
    }
    let k = k.min(n - k);
    let step = |product: BigInt, at: u32| product * (n - at) / (at + 1);
    Number::whole((0..k).fold(BigInt::from(1), step))
}
