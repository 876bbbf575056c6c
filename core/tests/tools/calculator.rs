//! What a calculator must not get wrong.

use dormouse_core::tools::{Calculator, Fixed, Tool, calculate};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

use crate::bench::{Bench, failure, text};

fn value(expression: &str) -> String {
    calculate(expression).unwrap_or_else(|why| panic!("{expression}: {why}"))
}

#[test]
fn expressions_have_the_values_of_school_and_of_python() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("-2**2", "-4"),
        ("2**3**2", "512"),
        ("2**-2", "0.25"),
        ("2^10", "1024"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("7.5 % 2", "1.5"),
        ("0.1 + 0.2", "0.3"),
        ("1e3 + 1", "1001"),
        ("1.25e-3", "0.00125"),
        ("1_000 * 3", "3000"),
        ("0xff + 0b101", "260"),
        ("10 / 4", "2.5"),
        ("6 / 3", "2"),
        ("1 / 3", "0.333333333333333333333333333333 (rounded; exactly 1/3)"),
        ("-1 / 7", "-0.142857142857142857142857142857 (rounded; exactly -1/7)"),
        ("2**100", "1267650600228229401496703205376"),
        (
            "123456789012345678901234567890 * 987654321098765432109876543210",
            "121932631137021795226185032733622923332237463801111263526900",
        ),
        ("sqrt(16)", "4"),
        ("sqrt(2)", "1.4142135623730951 (approximate)"),
        ("sqrt(1/4)", "0.5"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1/3, 4)", "0.3333"),
        ("round(12345, -2)", "12300"),
        ("floor(-1.5) + ceil(1.2) + trunc(-1.9)", "-1"),
        ("max(1, 5/2, 2) - min(3, 2)", "0.5"),
        ("gcd(12, 18, 27) + lcm(4, 6)", "15"),
        ("5! / 3!", "20"),
        ("comb(52, 5)", "2598960"),
        ("sum(1, 2, 3)", "6"),
        ("log10(1000)", "3 (approximate)"),
        ("(-1)**1000000000000", "1"),
        ("3 − 1 × 2 ÷ 4", "2.5"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_has_no_value_is_refused_in_words() {
    let nested = format!("{}1{}", "(".repeat(101), ")".repeat(101));
    let long = "1".repeat(1001);
    for (expression, why) in [
        ("9**9**9", "too large"),
        ("9**99999999999999", "too large"),
        ("2**33220 * 2**33220", "too large"),
        ("(1/3)**9999", "up to a thousand digits"),
        ("99999!", "from 0 to 3000"),
        ("1 / 0", "division by zero"),
        ("0**-1", "division by zero"),
        ("5 % 0", "division by zero"),
        ("sqrt(-1)", "no real square root"),
        ("(-8)**(1/3)", "not a real number"),
        ("ln(0)", "above zero"),
        ("exp(10000)", "too large"),
        ("1 +", "ends too early"),
        ("", "ends too early"),
        ("2 $ 3", "`$` at position 3"),
        ("1 2", "`2` at position 3"),
        ("foo(1)", "no function `foo`"),
        ("x + 1", "`x` is not known"),
        ("__import__('os')", "not understood"),
        ("1e9999", "more than e1000"),
        (&nested, "nested more than"),
        (&long, "longer than"),
    ] {
        let said = calculate(expression).unwrap_err();
        assert!(said.contains(why), "{expression}: {said}");
    }
}

#[tokio::test]
async fn the_tool_answers_and_refuses() {
    let calculator = Arc::new(Calculator::default()) as Arc<dyn Tool>;
    let bench = Bench::of(vec![Arc::new(Fixed(vec![calculator]))]);
    assert_eq!(text(&bench.call("calculator", json!({ "expression": "17 * 23" })).await), "391");
    let said = failure(&bench.call("calculator", json!({ "expression": "9**9**9" })).await);
    assert!(said.contains("too large"), "{said}");
}

proptest! {
    #[test]
    fn whole_numbers_are_calculated_exactly(a in any::<i64>(), b in any::<i64>()) {
        let (x, y) = (i128::from(a), i128::from(b));
        prop_assert_eq!(value(&format!("{a} + ({b})")), (x + y).to_string());
        prop_assert_eq!(value(&format!("{a} - ({b})")), (x - y).to_string());
        prop_assert_eq!(value(&format!("{a} * ({b})")), (x * y).to_string());
        if b != 0 {
            let floor = x.div_euclid(y) - i128::from(y < 0 && x.rem_euclid(y) != 0);
            prop_assert_eq!(value(&format!("({a}) // ({b})")), floor.to_string());
            prop_assert_eq!(value(&format!("({a}) % ({b})")), (x - floor * y).to_string());
        }
    }

    #[test]
    fn a_quotient_times_its_divisor_is_what_was_divided(a in any::<i64>(), b in any::<i64>()) {
        prop_assume!(b != 0);
        prop_assert_eq!(value(&format!("({a}) / ({b}) * ({b})")), a.to_string());
    }

    #[test]
    fn a_decimal_is_shown_as_it_was_written(whole in any::<i32>(), decimals in "[0-9]{0,12}[1-9]") {
        let written = format!("{whole}.{decimals}");
        prop_assert_eq!(value(&written), written);
    }

    #[test]
    fn powers_are_repeated_products(base in -30_i64..30, exponent in 0_u32..40) {
        let mut product = num_bigint::BigInt::from(1);
        (0..exponent).for_each(|_| product *= base);
        prop_assert_eq!(value(&format!("({base})**{exponent}")), product.to_string());
    }

    #[test]
    fn nothing_that_is_written_hurts(text in "\\PC{0,60}") {
        let _ = calculate(&text);
    }

    #[test]
    fn nothing_that_looks_like_arithmetic_hurts(text in "([0-9]{1,6}|[-+*/%^!().,]|\\*\\*|//|sqrt|round|e|pi| ){0,40}") {
        let _ = calculate(&text);
    }
}
