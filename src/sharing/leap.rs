//! The leap second that is near, for those who smear it.

use super::Words;
use super::words::{Fields, Put};
use crate::time::{LeapStep, TaiUtc};

/// In the place of the seconds: there is none.
const NONE: u64 = u64::MAX;

impl Words for Option<LeapStep> {
    const LEN: usize = 3;

    fn store(&self, words: &mut [u64]) {
        let mut put = Put::new(words);
        let Some(step) = self else {
            put.word(NONE);
            return;
        };
        put.word(u64::from(step.before.0.cast_unsigned()) << 16 | u64::from(step.after.0.cast_unsigned()));
        put.wide(step.from.ticks());
    }

    fn load(words: &[u64]) -> Self {
        let mut fields = Fields::new(words);
        let seconds = fields.word();
        if seconds == NONE {
            return None;
        }
        let [before, after] = [seconds >> 16, seconds].map(|word| TaiUtc((word as u16).cast_signed()));
        Some(LeapStep { from: fields.instant(), before, after })
    }
}

#[cfg(test)]
mod tests {
    use crate::sharing::Seqlock;
    use crate::time::{LeapStep, TaiUtc, Timestamp};

    #[test]
    fn every_leap_second_survives_the_words_and_so_does_none() {
        let (mut writer, reader) = Seqlock::new(&None);
        assert_eq!(reader.read(), Ok(None));
        for (before, after) in [(37, 38), (37, 36), (-1, i16::MIN), (i16::MAX, -1)] {
            let step = Some(LeapStep {
                from: Timestamp::from_secs(1_798_761_600),
                before: TaiUtc(before),
                after: TaiUtc(after),
            });
            writer.write(&step);
            assert_eq!(reader.read(), Ok(step));
        }
    }
}
