//! The rank test of Mann and Whitney, and Holm's correction for asking several times.

/// How likely two samples differ at least so much where they come from one distribution: two-sided, by the normal
/// approximation with correction for ties.
///
/// # Panics
/// Where a sample is empty.
pub fn p_value(one: &[u64], other: &[u64]) -> f64 {
    assert!(!one.is_empty() && !other.is_empty(), "an empty sample says nothing");
    let mut all: Vec<(u64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_unstable();
    let (mut ranks_of_one, mut ties, mut start) = (0.0, 0.0, 0);
    while start < all.len() {
        let same = all[start..].iter().take_while(|(value, _)| *value == all[start].0).count();
        // The middle of the places that these take, the first being 1.
        let rank = number(2 * start + same + 1) / 2.0;
        let of_one = all[start..start + same].iter().filter(|(_, is_one)| *is_one).count();
        ranks_of_one += rank * number(of_one);
        ties += number(same).powi(3) - number(same);
        start += same;
    }
    let (n, m) = (number(one.len()), number(other.len()));
    let u = ranks_of_one - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

/// Holm's correction: what each p counts as where that many were asked for.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let (mut corrected, mut so_far) = (vec![0.0; p_values.len()], 0.0_f64);
    for (place, index) in order.iter().enumerate() {
        so_far = so_far.max(p_values[*index] * number(p_values.len() - place)).min(1.0);
        corrected[*index] = so_far;
    }
    corrected
}

/// The middle one.
///
/// # Panics
/// Where there is none.
pub fn median(sample: &[u64]) -> u64 {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "numbers of samples, far below 2^52")]
fn number(of: usize) -> f64 {
    of as f64
}

/// The complementary error function for what is not below 0; relative error below 1.2e-7 (Press et al., "Numerical
/// Recipes", 6.2).
fn erfc(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    t * (-x * x + polynomial).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        for (x, expected) in [(0.0, 1.0), (0.5, 0.479_500_122), (1.0, 0.157_299_207), (2.0, 0.004_677_735)] {
            assert!((erfc(x) - expected).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn p_is_that_of_the_formula() {
        let one = [1, 2, 3, 4, 5, 6, 7, 8];
        assert!((p_value(&one, &one) - 1.0).abs() < 1e-6);
        // U is 0, its mean 32, its variance 8 * 8 * 17 / 12; with correction for continuity z is 3.308.
        let apart = [9, 10, 11, 12, 13, 14, 15, 16];
        assert!((p_value(&one, &apart) - 0.000_939_1).abs() < 1e-6, "{}", p_value(&one, &apart));
    }

    #[test]
    fn a_shift_of_one_is_seen_in_many_and_not_in_few() {
        let of = |shift: u64, many: u64| (0..many).map(|value| value % 100 + shift).collect::<Vec<_>>();
        assert!(p_value(&of(0, 100), &of(1, 100)) > 0.05);
        assert!(p_value(&of(0, 100_000), &of(1, 100_000)) < 0.001);
    }

    #[test]
    fn who_asks_often_needs_more() {
        let corrected = holm(&[0.01, 0.04, 0.03]);
        let expected = [0.03, 0.06, 0.06];
        assert!(corrected.iter().zip(expected).all(|(p, expected)| (p - expected).abs() < 1e-12));
    }
}
