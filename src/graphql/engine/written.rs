//! Answers as JSON text.
//!
//! async-graphql builds an answer as a tree of values, with several allocations for every object, and writes it in the
//! end. Here objects and lists become text as soon as they are resolved (see [`quick`](super::quick)). Such a text is
//! in the tree as a [`Value::Binary`], which no field of the schema uses for anything else.

use super::answer_budget::AnswerBudget;
use async_graphql::{ContextSelectionSet, Response, Value};
use serde::Serialize;

/// How many bytes are reserved at first. Most objects need no more.
const FIRST: usize = 256;

/// JSON that is being written.
pub struct Writing<'b> {
    text: Vec<u8>,
    budget: Option<&'b AnswerBudget>,
    /// How many bytes of the text were counted in the budget.
    counted: usize,
}

/// A point in the text to which it can be taken back.
#[derive(Clone, Copy)]
pub struct Mark {
    /// The length of the text.
    pub length: usize,
    counted: usize,
}

impl<'b> Writing<'b> {
    /// Starts an empty text that counts in the budget of the operation.
    pub fn new(context: &ContextSelectionSet<'b>) -> Writing<'b> {
        Writing {
            text: Vec::with_capacity(FIRST),
            budget: context.data_opt(),
            counted: 0,
        }
    }

    /// Counts bytes of the answer. Returns whether the answer may take them.
    pub fn charge(&mut self, bytes: usize) -> bool {
        self.counted += bytes;
        self.budget.is_none_or(|budget| budget.charge(bytes))
    }

    /// Yields to other tasks if much was written since the last call.
    pub async fn take_turns(&self) {
        if let Some(budget) = self.budget {
            budget.take_turns().await;
        }
    }

    /// Returns the current end of the text.
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

    /// Writes JSON text as it is.
    pub fn signs(&mut self, signs: &str) {
        self.text.extend_from_slice(signs.as_bytes());
    }

    /// Writes the comma before every item except the first.
    pub fn separate(&mut self, place: usize) {
        if place > 0 {
            self.text.push(b',');
        }
    }

    /// Writes the name of a field. Names in GraphQL need no escaping.
    pub fn name(&mut self, name: &str) {
        self.text.push(b'"');
        self.signs(name);
        self.signs("\":");
    }

    /// Writes a value by serde.
    pub fn json(&mut self, value: &impl Serialize) {
        write_json(&mut self.text, value);
    }

    /// Writes a value of async-graphql.
    pub fn value(&mut self, value: &Value) {
        write_value(&mut self.text, value);
    }

    /// Finishes the text and inserts one of the values at each of these places, which must ascend.
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
                // In a JSON scalar, any text may be a name.
                write_json(text, name.as_str());
                text.push(b':');
                write_value(text, value);
            }
            text.push(b'}');
        }
        _ => write_json(text, value),
    }
}

/// Writes a value as JSON. This cannot fail for the values here; if it did, `null` is written.
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
