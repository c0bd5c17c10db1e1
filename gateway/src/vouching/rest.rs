//! How long a party that failed is left alone.

use std::time::Duration;

/// The first rest; each that follows is twice as long.
const FIRST: Duration = Duration::from_mins(1);
/// The longest.
const LONGEST: Duration = Duration::from_hours(6);

/// Returns the rest after so many failures in a row.
pub(super) fn after(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest() {
        let minutes = |failures| after(failures).as_secs() / 60;
        assert_eq!([1, 2, 3, 9].map(minutes), [1, 2, 4, 256]);
        assert_eq!([10, 40, u32::MAX].map(after), [LONGEST; 3]);
    }
}
