//! Answers as JSON text.
//!
//! async-graphql builds an answer as a tree of values, with several allocations for every object, and writes it in the end.
//! Here objects and lists become text as soon as they are resolved (see [`quick`](super::quick)). Such a text is in the
//! tree as a [`Value::Binary`], which no field of the schema uses for anything else.

use super::answer_budget::AnswerBudget;
use async_graphql::{ContextSelectionSet, Response, Value};
use serde::Serialize;

/// For how many bytes there is room at first: most objects need no more.
const FIRST: usize = 256;

/// JSON that is being written.
pub struct Writing<'b> {
    text: Vec<u8>,
    budget: Option<&'b AnswerBudget>,
    /// How many bytes of it were counted.
    counted: usize,
}

/// How far a text was written.
#[derive(Clone, Copy)]
pub struct Mark {
    /// How much was written.
    pub length: usize,
    counted: usize,
}

impl<'b> Writing<'b> {
    /// Nothing yet, of the answer that a selection belongs to.
    pub fn new(context: &ContextSelectionSet<'b>) -> Writing<'b> {
        Writing {
            text: Vec::with_capacity(FIRST),
            budget: context.data_opt(),
            counted: 0,
        }
    }

    /// Counts bytes of the answer. Returns whether it may have them.
    pub fn charge(&mut self, bytes: usize) -> bool {
        self.counted += bytes;
        self.budget.is_none_or(|budget| budget.charge(bytes))
    }

    /// Lets others have their turn, if much was written since.
    pub async fn take_turns(&self) {
        if let Some(budget) = self.budget {
            budget.take_turns().await;
        }
    }

    /// Returns how far it is written.
    pub fn mark(&self) -> Mark {
        Mark {
            length: self.text.len(),
            counted: self.counted,
        }
    }

    /// Takes back what was written and counted after a mark.
    pub fn take_back(&mut self, mark: Mark) {
        self.text.truncate(mark.length);
        let counted = self.counted - mark.counted;
        self.counted = mark.counted;
        if let Some(budget) = self.budget.filter(|_| counted > 0) {
            budget.take_back(counted);
        }
    }

    /// Writes signs of JSON as they are.
    pub fn signs(&mut self, signs: &str) {
        self.text.extend_from_slice(signs.as_bytes());
    }

    /// Writes the comma before all items but the first.
    pub fn separate(&mut self, place: usize) {
        if place > 0 {
            self.text.push(b',');
        }
    }

    /// Writes the name of a field; names of GraphQL have nothing to escape.
    pub fn name(&mut self, name: &str) {
        self.text.push(b'"');
        self.signs(name);
        self.signs("\":");
    }

    /// Writes a value of JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        write_json(&mut self.text, value);
    }

    /// Writes a value.
    pub fn value(&mut self, value: &Value) {
        write_value(&mut self.text, value);
    }

    /// Ends the text. At each of these places, which ascend, one of the values is put in.
    pub fn finish(self, places: &[usize], values: Vec<Value>) -> Value {
        if places.is_empty() {
            return Value::Binary(self.text.into());
        }
        let length_of = |value: &Value| match value {
            Value::Binary(written) => written.len(),
            _ => 0,
        };
        let added: usize = values.iter().map(length_of).sum();
        let mut whole = Vec::with_capacity(self.text.len() + added);
        let mut begun = 0;
        for (place, value) in places.iter().zip(values) {
            whole.extend_from_slice(&self.text[begun..*place]);
            write_value(&mut whole, &value);
            begun = *place;
        }
        whole.extend_from_slice(&self.text[begun..]);
        Value::Binary(whole.into())
    }
}

/// Writes a response as JSON.
pub fn write_response(response: &Response) -> Vec<u8> {
    let mut text = b"{".to_vec();
    if !response.errors.is_empty() {
        text.extend_from_slice(b"\"errors\":");
        write_json(&mut text, &response.errors);
        text.push(b',');
    }
    text.extend_from_slice(b"\"data\":");
    write_value(&mut text, &response.data);
    if !response.extensions.is_empty() {
        text.extend_from_slice(b",\"extensions\":");
        write_json(&mut text, &response.extensions);
    }
    text.push(b'}');
    text
}

fn write_value(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Binary(written) => text.extend_from_slice(written),
        Value::List(items) => {
            text.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                write_value(text, item);
            }
            text.push(b']');
        }
        Value::Object(fields) => {
            text.push(b'{');
            for (place, (name, value)) in fields.iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                // Of a JSON scalar, any text may be a name.
                write_json(text, name.as_str());
                text.push(b':');
                write_value(text, value);
            }
            text.push(b'}');
        }
        _ => write_json(text, value),
    }
}

/// Writes what cannot fail: the memory takes everything, and no value here has a form of its own.
fn write_json(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let begun = text.len();
    if serde_json::to_writer(&mut *text, value).is_err() {
        text.truncate(begun);
        text.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::{ServerError, value};

    #[test]
    fn responses_are_written_as_the_library_writes_them() {
        let data = || value!({"a\"": [1, 2.5, null, true, "t\n", {}, []], "b": {"c": {"d": "e"}}});
        let plain = Response::new(data());
        let mut with_more = Response::new(data()).extension("cost", value!({"limit": 5}));
        with_more.errors = vec![ServerError::new("wrong", None)];
        for response in [plain, with_more, Response::from_errors(Vec::new())] {
            let text = String::from_utf8(write_response(&response)).unwrap();
            assert_eq!(text, serde_json::to_string(&response).unwrap());
        }
    }

    #[test]
    fn values_are_put_into_their_places() {
        let mut writing = Writing {
            text: Vec::new(),
            budget: None,
            counted: 0,
        };
        let mut places = Vec::new();
        writing.signs("[");
        for place in 0..3 {
            writing.separate(place);
            places.push(writing.mark().length);
        }
        writing.signs("]");
        let values = vec![value!(1), Value::Binary("[2]".into()), value!("3")];
        let whole = writing.finish(&places, values);
        assert_eq!(whole, Value::Binary("[1,[2],\"3\"]".into()));
    }
}
