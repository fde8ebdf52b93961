//! Values that are written at once, because they are known without waiting.

use super::answer_budget::{Document, TEXT, Text, weigh};
use super::quick::{Items, Quick, list_fields};
use super::scalar::Date;
use super::written::Writing;
use async_graphql::futures_util::FutureExt;
use async_graphql::{Context, ID, OutputType};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use std::borrow::Borrow;
use std::future::Future;

/// Objects some of whose fields can be written without waiting.
pub trait AtHand {
    /// Writes the value of a field. Returns `None` if the value must be awaited; a part of it may then be written.
    fn write_field(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()>;
}

impl<T: AtHand> AtHand for &T {
    fn write_field(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        T::write_field(self, context, out)
    }
}

/// Lists the fields of an object that can be written without waiting. Each name in the schema has either a resolver
/// that may be ready at once, with the names of its arguments in order, or a field of the struct.
macro_rules! at_hand {
    ($object:ty {}) => {
        impl $crate::graphql::engine::at_hand::AtHand for $object {
            fn write_field(
                &self,
                _: &async_graphql::Context<'_>,
                _: &mut $crate::graphql::engine::written::Writing<'_>,
            ) -> Option<()> {
                None
            }
        }
    };
    ($object:ty { $($name:literal: $member:ident $(($($argument:ident),*))?),* $(,)? }) => {
        impl $crate::graphql::engine::at_hand::AtHand for $object {
            fn write_field(
                &self,
                context: &async_graphql::Context<'_>,
                out: &mut $crate::graphql::engine::written::Writing<'_>,
            ) -> Option<()> {
                use $crate::graphql::engine::at_hand::Written as _;
                $(const { assert!($crate::graphql::engine::at_hand::is_name_of($name, stringify!($member))) };)*
                match context.item.node.name.node.as_str() {
                    $($name => $crate::graphql::engine::at_hand::at_hand!(@value self context $member $(($($argument),*))?).write(context, out),)*
                    _ => None,
                }
            }
        }
    };
    (@value $this:ident $context:ident $member:ident ($($argument:ident),*)) => {
        $crate::graphql::engine::at_hand::ready($this.$member(
            $context,
            $({
                const { assert!($crate::graphql::engine::at_hand::is_name_of(stringify!($argument), stringify!($argument))) };
                $context.param_value(stringify!($argument), None).ok()?.1
            },)*
        ))?
    };
    (@value $this:ident $context:ident $member:ident) => {
        $this.$member
    };
}
pub(in crate::graphql) use at_hand;

/// Returns whether a name of the schema, such as `firstName`, is the camel case of a Rust name, such as `first_name`.
pub const fn is_name_of(name: &str, rust: &str) -> bool {
    let (name, rust) = (name.as_bytes(), rust.as_bytes());
    let (mut at, mut in_rust) = (0, 0);
    while in_rust < rust.len() {
        let is_new_word = rust[in_rust] == b'_';
        if is_new_word {
            in_rust += 1;
        }
        if at == name.len() || in_rust == rust.len() {
            return false;
        }
        let expected = match is_new_word {
            true => rust[in_rust].to_ascii_uppercase(),
            false => rust[in_rust],
        };
        if name[at] != expected {
            return false;
        }
        at += 1;
        in_rust += 1;
    }
    at == name.len()
}

/// Returns the result of a resolver, or `None` if the resolver has to wait or fails.
pub fn ready<T>(resolver: impl Future<Output = async_graphql::Result<T>>) -> Option<T> {
    resolver.now_or_never()?.ok()
}

/// Values that can be written into an answer.
pub trait Written {
    /// Writes the value, or the fields that are selected of it. Returns `None` if a part must be awaited; other parts
    /// may then be written.
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()>;
}

impl<T: AtHand + OutputType> Written for Quick<T> {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        let context = context.with_selection_set(&context.item.node.selection_set);
        let mut fields = Vec::new();
        list_fields::<T>(&context.item.node, &mut fields);
        out.signs("{");
        for (place, field) in fields.into_iter().enumerate() {
            out.separate(place);
            out.name(&field.node.response_key().node);
            write_field_of(&self.0, &context.with_field(field), out)?;
        }
        out.signs("}");
        Some(())
    }
}

/// Writes the value of a field of an object, or the name of the object's type.
pub fn write_field_of<T: AtHand + OutputType>(
    object: &T,
    context: &Context<'_>,
    out: &mut Writing<'_>,
) -> Option<()> {
    if context.item.node.name.node == "__typename" {
        out.json(&T::type_name());
        return Some(());
    }
    object.write_field(context, out)
}

impl<T: Written> Written for Items<T> {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        self.0.write(context, out)
    }
}

impl<T: Written> Written for Vec<T> {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        out.signs("[");
        for (place, item) in self.iter().enumerate() {
            out.separate(place);
            item.write(context, out)?;
        }
        out.signs("]");
        Some(())
    }
}

impl<T: Written> Written for Option<T> {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        match self {
            Some(value) => value.write(context, out),
            None => {
                out.signs("null");
                Some(())
            }
        }
    }
}

/// An error returns `None`. The field is then resolved again, so that the error has its path.
impl<T: Written> Written for async_graphql::Result<T> {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        self.as_ref().ok()?.write(context, out)
    }
}

impl<T: Written> Written for &T {
    fn write(&self, context: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        T::write(self, context, out)
    }
}

impl<T: AsRef<str>> Written for Text<T> {
    fn write(&self, _: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        let text = self.0.as_ref();
        if out.charge(text.len() + TEXT) {
            out.json(&text);
        } else {
            out.signs("null");
        }
        Some(())
    }
}

impl<T: Borrow<Json>> Written for Document<T> {
    fn write(&self, _: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
        let document = self.0.borrow();
        if out.charge(weigh(document)) {
            out.json(document);
        } else {
            out.signs("null");
        }
        Some(())
    }
}

/// Implements `Written` for values that serde writes.
macro_rules! written_as_json {
    ($($type:ty),*) => {
        $(impl Written for $type {
            fn write(&self, _: &Context<'_>, out: &mut Writing<'_>) -> Option<()> {
                out.json(self);
                Some(())
            }
        })*
    };
}
written_as_json!(bool, i32, f64);

/// Implements `Written` for enums and scalars, which async-graphql converts.
macro_rules! written_as_value {
    ($($type:ty),* $(,)?) => {
        $(impl $crate::graphql::engine::at_hand::Written for $type {
            fn write(
                &self,
                _: &async_graphql::Context<'_>,
                out: &mut $crate::graphql::engine::written::Writing<'_>,
            ) -> Option<()> {
                out.value(&async_graphql::InputType::to_value(self));
                Some(())
            }
        })*
    };
}
pub(in crate::graphql) use written_as_value;
written_as_value!(ID, DateTime<Utc>, Date);

#[cfg(test)]
mod tests {
    use super::is_name_of;

    #[test]
    fn names_of_the_schema_are_those_of_rust_in_camel_case() {
        for (name, rust) in [
            ("key", "key"),
            ("firstName", "first_name"),
            ("hasNextPage", "has_next_page"),
        ] {
            assert!(is_name_of(name, rust), "{name} {rust}");
        }
        for (name, rust) in [
            ("key", "keys"),
            ("keys", "key"),
            ("lastName", "first_name"),
            ("firstname", "first_name"),
            ("first", "first_name"),
        ] {
            assert!(!is_name_of(name, rust), "{name} {rust}");
        }
    }
}
