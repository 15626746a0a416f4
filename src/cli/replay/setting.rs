//! `--with KEY=VALUE`: one option of the configuration for a discipline.

use crate::config::{Config, load};
use crate::discipline;

/// Which option a setting is.
#[derive(Clone, Copy, Debug)]
enum Key {
    ServoKind,
    Proportional,
    Integral,
    Hold,
    LockLimit,
    MaxDrift,
    StepFirst,
    StepLater,
    StepPanic,
}

/// The options that a discipline has.
const KEYS: [(&str, Key); 9] = [
    ("servo.kind", Key::ServoKind),
    ("servo.proportional", Key::Proportional),
    ("servo.integral", Key::Integral),
    ("servo.hold", Key::Hold),
    ("clock.lock_limit", Key::LockLimit),
    ("clock.max_drift", Key::MaxDrift),
    ("clock.step.first", Key::StepFirst),
    ("clock.step.later", Key::StepLater),
    ("clock.step.panic", Key::StepPanic),
];

/// What is asked for, in its order.
#[derive(Debug)]
pub(super) struct Settings(Vec<(Key, Config)>);

impl Settings {
    /// From the arguments.
    ///
    /// # Errors
    /// The first that is no setting, in the words of the configuration.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        arguments.iter().map(|argument| parse(argument)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes a configuration.
    pub(super) fn apply(&self, config: &mut discipline::Config) {
        for (key, asked) in &self.0 {
            match key {
                Key::ServoKind => config.servo = asked.servo.kind,
                Key::Proportional => config.proportional = asked.servo.proportional,
                Key::Integral => config.integral = asked.servo.integral,
                Key::Hold => config.hold = asked.servo.hold,
                Key::LockLimit => config.lock_limit = asked.clock.lock_limit.unwrap_or(config.lock_limit),
                Key::MaxDrift => config.max_drift = asked.clock.max_drift,
                Key::StepFirst => config.step.first = asked.clock.step.first,
                Key::StepLater => config.step.later = asked.clock.step.later,
                Key::StepPanic => config.step.panic = asked.clock.step.panic,
            }
        }
    }
}

fn parse(argument: &str) -> Result<(Key, Config), String> {
    let (name, value) = argument.split_once('=').ok_or_else(|| format!("--with {argument}: write it KEY=VALUE"))?;
    let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == name.trim()) else {
        let known: Vec<_> = KEYS.iter().map(|(known, _)| *known).collect();
        return Err(format!("--with {name}: a trace can be asked for {}", known.join(", ")));
    };
    // Words and quantities are strings in the configuration; on a command line nobody quotes them twice.
    let plain = load(&format!("{name} = {value}\n"), "--with");
    let loaded = plain.or_else(|_| load(&format!("{name} = {:?}\n", value.trim()), "--with"));
    loaded.map(|loaded| (*key, loaded.config)).map_err(|errors| errors.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discipline::servo::Kind;
    use crate::sim::SlaveConfig;
    use crate::time::Duration;

    #[test]
    fn settings_are_those_of_the_configuration_and_change_nothing_else() {
        let arguments = ["servo.kind=estimator", "servo.proportional=0.3", "clock.lock_limit=5us"].map(str::to_owned);
        let settings = Settings::parse(&arguments).unwrap();
        let before = SlaveConfig::new(1, 1).steering;
        let mut config = before;
        settings.apply(&mut config);
        assert_eq!((config.servo, config.proportional), (Kind::Estimator, Some(0.3)));
        assert_eq!(config.lock_limit, Duration::from_micros(5));
        assert_eq!((config.integral, config.hold, config.step), (before.integral, before.hold, before.step));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_configuration() {
        let wrong = |argument: &str| Settings::parse(&[argument.to_owned()]).unwrap_err();
        assert!(wrong("servo.kind").contains("KEY=VALUE"));
        assert!(wrong("ptp.domain=3").contains("servo.kind"), "{}", wrong("ptp.domain=3"));
        assert!(wrong("servo.kind=pid").contains("servo.kind"), "{}", wrong("servo.kind=pid"));
    }
}
