//! Floats of 16 bits: IEEE 754's binary16 and bfloat16.

/// The float that `bits` are.
pub(super) fn from_f16(bits: u16) -> f32 {
    const STEP: f32 = 1.0 / 16_777_216.0;
    let sign = u32::from(bits & 0x8000) << 16;
    let fraction = u32::from(bits & 0x3FF);
    let magnitude = match u32::from(bits >> 10) & 0x1F {
        0 => (f32::from(bits & 0x3FF) * STEP).to_bits(),
        0x1F => 0x7F80_0000 | (fraction << 13),
        exponent => ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest float that binary16 has.
pub(super) fn to_f16(value: f32) -> f32 {
    const SMALLEST_NORMAL: f32 = 1.0 / 16_384.0;
    const STEPS: f32 = 16_777_216.0;
    if value.abs() < SMALLEST_NORMAL {
        return (value * STEPS).round_ties_even() / STEPS;
    }
    let rounded = keep_high(value, 13);
    if rounded.abs() < 65_536.0 || rounded.is_nan() { rounded } else { rounded * f32::INFINITY }
}

/// The nearest float that bfloat16 has.
pub(super) fn to_bf16(value: f32) -> f32 {
    keep_high(value, 16)
}

/// Rounds the last bits away, to the even one of two that are as near.
fn keep_high(value: f32, away: u32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let bits = value.to_bits();
    let half = (1 << (away - 1)) - 1 + ((bits >> away) & 1);
    f32::from_bits(bits.wrapping_add(half) >> away << away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_of_16_bits_is_itself_when_rounded() {
        for bits in 0..=u16::MAX {
            let value = from_f16(bits);
            assert!(to_f16(value).to_bits() == value.to_bits() || value.is_nan(), "{bits:x}");
        }
    }

    #[test]
    fn what_lies_between_becomes_the_nearest() {
        for (value, nearest) in [
            (1.0 + 1.0 / 2048.0, 1.0),
            (1.0 + 3.0 / 2048.0, 1.0 + 4.0 / 2048.0),
            (65_519.0, 65_504.0),
            (65_520.0, f32::INFINITY),
            (-1e30, f32::NEG_INFINITY),
            (2e-8, 0.0),
            (4e-8, 5.960_464_5e-8),
        ] {
            assert_eq!(to_f16(value).to_bits(), f32::to_bits(nearest), "{value}");
        }
        assert_eq!(to_bf16(1.0 + 1.0 / 256.0).to_bits(), 1f32.to_bits());
        assert_eq!(to_bf16(1.0 + 3.0 / 256.0).to_bits(), (1.0 + 4.0 / 256.0f32).to_bits());
    }
}
