//! From the text of an expression to its value, in one pass.
//!
//! As in Python: `**` binds tighter than a minus before it and to the right, `//` rounds down, `%` has the
//! sign of the divisor. `^` is taken for `**`, since people mean it.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::{functions, number::Number};

/// How deep parentheses and signs may be nested.
const MAX_DEPTH: usize = 100;
/// The largest power of ten that a number may be written with.
const MAX_EXPONENT: u32 = 1000;
/// The most arguments of a function.
const MAX_ARGUMENTS: usize = 256;

type Parsed = Result<Number, String>;

pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn whole(mut self) -> Parsed {
        let value = self.sum()?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn sum(&mut self) -> Parsed {
        let mut value = self.product()?;
        loop {
            if self.takes("+") {
                value = value.plus(&self.product()?)?;
            } else if self.takes("-") || self.takes("−") {
                value = value.minus(&self.product()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Parsed {
        let mut value = self.signed()?;
        loop {
            if self.takes("//") {
                value = value.divided(&self.signed()?)?.0;
            } else if self.takes("/") || self.takes("÷") {
                value = value.over(&self.signed()?)?;
            } else if self.takes("%") {
                value = value.divided(&self.signed()?)?.1;
            } else if self.takes("*") || self.takes("×") || self.takes("·") {
                value = value.times(&self.signed()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Parsed {
        self.nested(|this| {
            if this.takes("-") || this.takes("−") {
                Ok(this.signed()?.negated())
            } else if this.takes("+") {
                this.signed()
            } else {
                this.power()
            }
        })
    }

    fn power(&mut self) -> Parsed {
        let mut base = self.atom()?;
        while self.takes("!") {
            base = functions::call("factorial", &[base])?;
        }
        if self.takes("**") || self.takes("^") { base.power(&self.signed()?) } else { Ok(base) }
    }

    fn atom(&mut self) -> Parsed {
        match self.peek() {
            Some('(') => {
                self.takes("(");
                let value = self.nested(Self::sum)?;
                self.expect(")")?;
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Parsed {
        let name = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
        if !self.takes("(") {
            return functions::constant(name);
        }
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                if arguments.len() == MAX_ARGUMENTS {
                    return Err(format!("`{name}` has more than {MAX_ARGUMENTS} arguments"));
                }
                arguments.push(self.nested(Self::sum)?);
                if !self.takes(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        functions::call(name, &arguments)
    }

    /// `12`, `1_000`, `.5`, `1.25e-3`, `0xff`, `0b101`.
    fn number(&mut self) -> Parsed {
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
            if self.takes(prefix) {
                let digits = self.run(|c| c.is_ascii_alphanumeric());
                let number = BigInt::parse_bytes(digits.as_bytes(), radix);
                return number.map_or_else(|| Err(self.unexpected()), Number::whole);
            }
        }
        let digit = |c: char| c.is_ascii_digit() || c == '_';
        let mut digits = self.run(digit).replace('_', "");
        let mut decimals = 0_u32;
        if self.rest().starts_with('.') {
            self.at += 1;
            let fraction = self.run(digit).replace('_', "");
            decimals = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
            digits.push_str(&fraction);
        }
        if digits.is_empty() {
            return Err(self.unexpected());
        }
        let exponent = self.exponent()?;
        let number: BigInt = digits.parse().map_err(|_| self.unexpected())?;
        let ten = BigInt::from(10);
        let scale = exponent - i64::from(decimals);
        let factor = ten.pow(u32::try_from(scale.unsigned_abs()).unwrap_or(MAX_EXPONENT));
        if scale >= 0 {
            return Number::whole(number * factor);
        }
        Number::ratio(BigRational::new(number, factor))
    }

    /// `e-3` behind a number. The constant `e` has no digits behind it.
    fn exponent(&mut self) -> Result<i64, String> {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return Ok(0) };
        let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(0);
        }
        let negative = after.starts_with('-');
        self.at += rest.len() - unsigned.len();
        let digits = self.run(|c| c.is_ascii_digit());
        let exponent = digits.parse().ok().filter(|it: &u32| *it <= MAX_EXPONENT);
        let exponent =
            exponent.ok_or_else(|| format!("`e{digits}` is more than e{MAX_EXPONENT}"))?;
        Ok(if negative { -i64::from(exponent) } else { exponent.into() })
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("the expression is nested more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    /// Whether `token` comes next; then it is passed. `*` is not the beginning of `**`.
    fn takes(&mut self, token: &str) -> bool {
        self.peek();
        let rest = self.rest();
        let doubled =
            ["*", "/"].contains(&token) && rest.get(1..).is_some_and(|it| it.starts_with(token));
        let found = rest.starts_with(token) && !doubled;
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.takes(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn unexpected(&mut self) -> String {
        match self.peek() {
            Some(c) => format!("`{c}` at position {} is not understood", self.at + 1),
            None => "the expression ends too early".to_owned(),
        }
    }
}
