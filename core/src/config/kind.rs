//! Types of directives: how words become a value, and how a value is shown.

use super::Config;

/// Where the value of a directive lives.
pub(super) enum Home<T: 'static> {
    /// In a field of [`Config`].
    Field {
        /// Reads it.
        read: fn(&Config) -> T,
        /// Writes it.
        write: fn(&mut Config, T),
    },
    /// Among the directives without effect, as text; this is the default.
    Kept(&'static str),
}

/// What values a directive takes.
pub(super) enum Kind {
    /// `yes` or `no`.
    Bool(Home<bool>),
    /// A whole number in a range.
    Number { home: Home<i64>, low: i64, high: i64 },
    /// A number of bytes in a range, with a unit if wanted.
    Memory { home: Home<u64>, low: u64, high: u64 },
    /// One word of a list; the value is its place in the list.
    Choice { home: Home<usize>, options: &'static [&'static str] },
    /// One word, kept as given.
    Text { home: Home<String>, check: fn(&str) -> Result<(), &'static str> },
    /// Any number of words, with a syntax of their own.
    Words {
        /// Reads words into a field; the words were split at spaces if they came as one.
        write: fn(&mut Config, &[&str]) -> Result<(), String>,
        /// What `CONFIG GET` shows.
        show: fn(&Config) -> String,
        /// What stands behind the name in a configuration file, line by line.
        lines: fn(&Config) -> Vec<String>,
    },
    /// Any number of words without effect: checked, and kept joined by spaces.
    KeptWords { check: fn(&[&str]) -> Result<(), &'static str>, default: &'static str },
}

impl Kind {
    /// Reads `words` into the place of the directive `name`.
    pub(super) fn write(
        &self,
        config: &mut Config,
        name: &'static str,
        words: &[&str],
    ) -> Result<(), String> {
        if let Self::Words { .. } | Self::KeptWords { .. } = self {
            let split: Vec<&str>;
            let words = match words {
                [one] if !one.is_empty() => {
                    split = one.split(' ').collect();
                    &split[..]
                }
                _ => words,
            };
            return self.write_words(config, name, words);
        }
        let &[word] = words else { return Err("wrong number of arguments".into()) };
        match self {
            Self::Bool(home) => {
                let value = match word {
                    _ if word.eq_ignore_ascii_case("yes") => true,
                    _ if word.eq_ignore_ascii_case("no") => false,
                    _ => return Err("argument must be 'yes' or 'no'".into()),
                };
                home.store(config, name, value, yes_no(value));
            }
            Self::Number { home, low, high } => {
                let value = whole(word).ok_or("argument couldn't be parsed into an integer")?;
                if !(*low..=*high).contains(&value) {
                    return Err(format!("argument must be between {low} and {high} inclusive"));
                }
                home.store(config, name, value, &value.to_string());
            }
            Self::Memory { home, low, high } => {
                let value = memory(word).ok_or("argument must be a memory value")?;
                if !(*low..=*high).contains(&value) {
                    return Err(format!("argument must be between {low} and {high} inclusive"));
                }
                home.store(config, name, value, &value.to_string());
            }
            Self::Choice { home, options } => {
                let place =
                    options.iter().position(|option| option.eq_ignore_ascii_case(word)).ok_or_else(|| {
                        format!("argument(s) must be one of the following: {}", options.join(", "))
                    })?;
                home.store(config, name, place, options[place]);
            }
            Self::Text { home, check } => {
                check(word)?;
                home.store(config, name, word.to_string(), word);
            }
            Self::Words { .. } | Self::KeptWords { .. } => unreachable!("handled above"),
        }
        Ok(())
    }

    fn write_words(&self, config: &mut Config, name: &'static str, words: &[&str]) -> Result<(), String> {
        match self {
            Self::Words { write, .. } => write(config, words),
            Self::KeptWords { check, .. } => {
                check(words)?;
                config.kept.values.insert(name, words.join(" "));
                Ok(())
            }
            _ => unreachable!("only kinds of many words come here"),
        }
    }

    /// What `CONFIG GET` shows for the directive `name`.
    pub(super) fn show(&self, config: &Config, name: &'static str) -> String {
        match self {
            Self::Bool(home) => home.show(config, name, |value| yes_no(value).to_string()),
            Self::Number { home, .. } => home.show(config, name, |value| value.to_string()),
            Self::Memory { home, .. } => home.show(config, name, |value| value.to_string()),
            Self::Choice { home, options } => home.show(config, name, |place| options[place].to_string()),
            Self::Text { home, .. } => home.show(config, name, |value| value),
            Self::Words { show, .. } => show(config),
            Self::KeptWords { default, .. } => config.kept_or(name, default),
        }
    }

    /// What stands behind the name in a configuration file, line by line.
    pub(super) fn lines(&self, config: &Config, name: &'static str) -> Vec<String> {
        match self {
            Self::Words { lines, .. } => lines(config),
            Self::KeptWords { .. } => vec![self.show(config, name)],
            Self::Text { .. } => vec![super::file::quote(&self.show(config, name))],
            _ => vec![self.show(config, name)],
        }
    }

    /// Whether the value has no effect.
    pub(super) fn is_kept(&self) -> bool {
        matches!(
            self,
            Self::Bool(Home::Kept(_))
                | Self::Number { home: Home::Kept(_), .. }
                | Self::Memory { home: Home::Kept(_), .. }
                | Self::Choice { home: Home::Kept(_), .. }
                | Self::Text { home: Home::Kept(_), .. }
                | Self::KeptWords { .. }
        )
    }
}

impl<T> Home<T> {
    fn store(&self, config: &mut Config, name: &'static str, value: T, shown: &str) {
        match self {
            Self::Field { write, .. } => write(config, value),
            Self::Kept(_) => {
                config.kept.values.insert(name, shown.to_string());
            }
        }
    }

    fn show(&self, config: &Config, name: &'static str, render: impl Fn(T) -> String) -> String {
        match self {
            Self::Field { read, .. } => render(read(config)),
            Self::Kept(default) => config.kept_or(name, default),
        }
    }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// A whole number written in the one way Redis takes: no plus sign, no leading zeros, no spaces.
pub(super) fn whole(word: &str) -> Option<i64> {
    word.parse().ok().filter(|value: &i64| value.to_string() == word)
}

/// Bytes with an optional unit: `k`, `m`, `g` count in thousands, `kb`, `mb`, `gb` in 1024s. No digits mean 0.
pub(super) fn memory(word: &str) -> Option<u64> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let unit: u64 = match word[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let number: u64 = if digits == 0 { 0 } else { word[..digits].parse().ok()? };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_units() {
        for (word, bytes) in
            [("0", 0), ("3b", 3), ("1k", 1000), ("1KB", 1024), ("2m", 2_000_000), ("1gb", 1 << 30), ("", 0)]
        {
            assert_eq!(memory(word), Some(bytes), "{word}");
        }
        for word in ["-1", "1.5gb", "10q", "100 ", "1tb", "99999999999gb", "18446744073709551616"] {
            assert_eq!(memory(word), None, "{word}");
        }
    }

    #[test]
    fn whole_numbers_have_one_spelling() {
        assert_eq!(whole("-5"), Some(-5));
        for word in ["+5", "05", " 5", "-0", "5.0", "", "9223372036854775808"] {
            assert_eq!(whole(word), None, "{word}");
        }
    }
}
