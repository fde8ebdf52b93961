//! Finds equal leaves, so that each is evaluated once however many rules have it.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hasher};

/// A map from things to their places. A thing is found by equality.
///
/// Leaves hold doubles, which cannot be hashed. The hash of their debug output only decides where to look. Unequal
/// things with equal output do no harm. Equal things with different output, such as 0 and -0, are evaluated twice.
#[derive(Debug)]
pub struct Places<T> {
    by_print: HashMap<u64, Vec<(T, usize)>>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places {
            by_print: HashMap::new(),
        }
    }
}

impl<T: Clone + Debug + PartialEq> Places<T> {
    /// Returns the place of a thing that equals this one.
    pub fn find(&self, thing: &T) -> Option<usize> {
        let alike = self.by_print.get(&print_of(thing))?.iter();
        let mut equal = alike.filter(|(known, _)| known == thing);
        equal.next().map(|(_, place)| *place)
    }

    /// Remembers the place of a thing.
    pub fn insert(&mut self, thing: &T, place: usize) {
        let alike = self.by_print.entry(print_of(thing)).or_default();
        alike.push((thing.clone(), place));
    }
}

fn print_of(thing: &impl Debug) -> u64 {
    struct Print(DefaultHasher);
    impl Write for Print {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut print = Print(DefaultHasher::new());
    // Writing fails only if the sink fails, and this sink does not.
    let _ = write!(print, "{thing:?}");
    print.0.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_rule::{Leaf, NumberTest, RandomShare};

    /// Prints nothing of what it holds.
    #[derive(Clone, PartialEq)]
    struct Quiet(f64);

    impl Debug for Quiet {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("Quiet")
        }
    }

    #[test]
    fn unequal_things_that_print_alike_are_kept_apart() {
        let mut places = Places::default();
        places.insert(&Quiet(1.0), 0);
        assert_eq!(places.find(&Quiet(2.0)), None);
        places.insert(&Quiet(2.0), 1);
        assert_eq!(places.find(&Quiet(1.0)), Some(0));
        assert_eq!(places.find(&Quiet(2.0)), Some(1));
        assert_eq!(places.find(&Quiet(f64::NAN)), None);
    }

    #[test]
    fn equal_leaves_are_found_and_others_are_not() {
        let number = |key: &str, test| Leaf::Number {
            key: key.to_owned(),
            test,
        };
        let share = |salt: &str, to_percent| {
            Leaf::Random(RandomShare {
                salt: salt.to_owned(),
                from_percent: 0.0,
                to_percent,
            })
        };
        let leaves = [
            number("a", NumberTest::AtLeast(1.0)),
            number("b", NumberTest::AtLeast(1.0)),
            number("a", NumberTest::AtLeast(1.5)),
            number("a", NumberTest::AtMost(1.0)),
            share("s", 50.0),
            share("t", 50.0),
            share("s", 50.000_000_001),
        ];
        let mut places = Places::default();
        for (place, leaf) in leaves.iter().enumerate() {
            assert_eq!(places.find(leaf), None, "{leaf:?}");
            places.insert(leaf, place);
        }
        for (place, leaf) in leaves.iter().enumerate() {
            assert_eq!(places.find(&leaf.clone()), Some(place));
        }
    }
}
