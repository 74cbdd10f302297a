//! How to summarise a few noisy figures.
//!
//! The machine does other work, and not at the same time for every contestant. So a ratio is formed *within* a
//! round, where both contestants had about the same conditions, and the table shows the median of the ratios: one
//! disturbed round does not move it, however large the disturbance was. The quartiles beside it show how far the
//! ratios are apart.
//!
//! Next: `contest.rs`.

/// The median of some figures, and the quartiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// Returns none if there are no figures.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&sorted, share));
        Some(Spread { low, median, high })
    }
}

/// Interpolates linearly between the two neighbours. 0 if there are no figures.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = share * sorted.len().saturating_sub(1) as f64;
    let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(0.0);
    at(index) + (at(index.ceil()) - at(index)) * index.fract()
}

/// The mean of ratios: the mean of 2 and ½ is 1.
pub fn geometric_mean(ratios: impl ExactSizeIterator<Item = f64>) -> f64 {
    let number = ratios.len() as f64;
    (ratios.map(f64::ln).sum::<f64>() / number).exp()
}

/// Whether a spread keeps an upper limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Missed,
    /// The limit lies between the quartiles.
    Close,
}

impl Verdict {
    pub fn of(spread: Spread, limit: f64) -> Verdict {
        if spread.high <= limit {
            Verdict::Met
        } else if spread.low > limit {
            Verdict::Missed
        } else {
            Verdict::Close
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        let normal = Spread::of([0.4, 0.5, 0.5, 0.5, 0.6]).unwrap();
        let outlier = Spread::of([0.4, 0.5, 0.5, 0.5, 60.0]).unwrap();
        assert_eq!(normal, Spread { low: 0.5, median: 0.5, high: 0.5 });
        assert_eq!(normal, outlier);
    }

    #[test]
    fn quartiles_lie_between_neighbours() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { low: 1.75, median: 2.5, high: 3.25 });
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn twice_as_fast_and_twice_as_slow_give_one() {
        assert!((geometric_mean([2.0, 0.5].into_iter()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_limit_between_the_quartiles_is_close() {
        let spread = Spread { low: 0.7, median: 0.74, high: 0.8 };
        assert_eq!(Verdict::of(spread, 0.75), Verdict::Close);
        assert_eq!(Verdict::of(spread, 0.8), Verdict::Met);
        assert_eq!(Verdict::of(spread, 0.69), Verdict::Missed);
    }
}
