//! Builds columns from what Postgres sends.

use super::pg_array::{Elements, read_day, read_f64, read_instant, read_text};
use crate::error::Error;
use crate::evaluate::{Column, ColumnKey, day_number};
use crate::rule::{
    DateField, DateLiteral, Moment, Status, TextField, parse_date_literal, parse_instant,
};
use crate::text::{show_domain, show_email};
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder, UInt8Builder,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

/// A column that is being built. The variant says how its values are read.
pub enum ColumnBuilder {
    Text(StringBuilder),
    Email(StringBuilder),
    EmailDomain(StringBuilder),
    Number(Float64Builder),
    Day(Date32Builder),
    CustomDay(Date32Builder),
    Instant(TimestampMicrosecondBuilder),
    CustomInstant(TimestampMicrosecondBuilder),
    /// A property with a date-time, or with a day, which stands for the beginning of the local day.
    PropertyInstant(TimestampMicrosecondBuilder, Moment),
    Boolean(BooleanBuilder),
    List(ListBuilder<StringBuilder>),
    Coordinate(Float64Builder),
    Status(UInt8Builder),
}

impl ColumnBuilder {
    /// Makes the builder for the column of a field.
    pub fn new(key: &ColumnKey, rows: usize) -> ColumnBuilder {
        match key {
            ColumnKey::Text(TextField::EmailDomain) => {
                ColumnBuilder::EmailDomain(StringBuilder::with_capacity(rows, rows * 12))
            }
            ColumnKey::Text(TextField::Email) => {
                ColumnBuilder::Email(StringBuilder::with_capacity(rows, rows * 24))
            }
            ColumnKey::Text(_) => {
                ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * 12))
            }
            ColumnKey::Number(_) => ColumnBuilder::Number(Float64Builder::with_capacity(rows)),
            ColumnKey::Date(DateField::CustomDate(_)) => {
                ColumnBuilder::CustomDay(Date32Builder::with_capacity(rows))
            }
            ColumnKey::Date(DateField::CustomDatetime(_)) => {
                ColumnBuilder::CustomInstant(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            ColumnKey::Date(field) if field.is_day() => {
                ColumnBuilder::Day(Date32Builder::with_capacity(rows))
            }
            ColumnKey::Date(_) => {
                ColumnBuilder::Instant(TimestampMicrosecondBuilder::with_capacity(rows))
            }
            ColumnKey::Boolean(_) => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnKey::List(_) => {
                ColumnBuilder::List(ListBuilder::with_capacity(StringBuilder::new(), rows))
            }
            ColumnKey::Latitude | ColumnKey::Longitude => {
                ColumnBuilder::Coordinate(Float64Builder::with_capacity(rows))
            }
            ColumnKey::Status => ColumnBuilder::Status(UInt8Builder::with_capacity(rows)),
        }
    }

    /// Makes the builder for the column of a property of events.
    pub fn of_property(key: &ColumnKey, rows: usize, moment: &Moment) -> ColumnBuilder {
        match key {
            ColumnKey::Date(_) => ColumnBuilder::PropertyInstant(
                TimestampMicrosecondBuilder::with_capacity(rows),
                *moment,
            ),
            other => ColumnBuilder::new(other, rows),
        }
    }

    /// Appends every value of an array.
    pub fn append_all(&mut self, mut values: Elements<'_>) -> Result<(), Error> {
        while let Some(value) = values.next_element()? {
            self.append(value)?;
        }
        Ok(())
    }

    /// Appends the rows of a block: the values at their offsets, nulls between them.
    pub fn append_block(
        &mut self,
        offsets: &[usize],
        mut values: Elements<'_>,
        rows: usize,
    ) -> Result<(), Error> {
        let mut next_row = 0;
        for offset in offsets {
            let value = values.next_element()?.flatten();
            self.append_nulls(offset.saturating_sub(next_row));
            self.append(value)?;
            next_row = offset + 1;
        }
        self.append_nulls(rows.saturating_sub(next_row));
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        match self {
            ColumnBuilder::Text(builder)
            | ColumnBuilder::Email(builder)
            | ColumnBuilder::EmailDomain(builder) => {
                (0..count).for_each(|_| builder.append_null());
            }
            ColumnBuilder::Number(builder) | ColumnBuilder::Coordinate(builder) => {
                builder.append_nulls(count);
            }
            ColumnBuilder::Day(builder) | ColumnBuilder::CustomDay(builder) => {
                builder.append_nulls(count);
            }
            ColumnBuilder::Instant(builder)
            | ColumnBuilder::CustomInstant(builder)
            | ColumnBuilder::PropertyInstant(builder, _) => builder.append_nulls(count),
            ColumnBuilder::Boolean(builder) => builder.append_nulls(count),
            ColumnBuilder::List(builder) => (0..count).for_each(|_| builder.append_null()),
            ColumnBuilder::Status(builder) => builder.append_nulls(count),
        }
    }

    fn append(&mut self, value: Option<&[u8]>) -> Result<(), Error> {
        let text = || value.map(read_text).transpose();
        match self {
            ColumnBuilder::Text(builder) => builder.append_option(text()?),
            // Rules compare e-mail addresses as they are shown, with domains in Unicode.
            ColumnBuilder::Email(builder) => builder.append_option(text()?.map(show_email)),
            ColumnBuilder::EmailDomain(builder) => {
                let domain = text()?.and_then(|email| email.rsplit('@').next());
                builder.append_option(domain.map(show_domain));
            }
            ColumnBuilder::Number(builder) => builder.append_option(
                text()?
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|number| number.is_finite())
                    .map(|number| number + 0.0),
            ),
            ColumnBuilder::Day(builder) => builder.append_option(value.map(read_day).transpose()?),
            ColumnBuilder::CustomDay(builder) => builder.append_option(
                text()?
                    .and_then(|text| text.parse::<NaiveDate>().ok())
                    .map(day_number),
            ),
            ColumnBuilder::Instant(builder) => {
                builder.append_option(value.map(read_instant).transpose()?);
            }
            ColumnBuilder::CustomInstant(builder) => builder.append_option(
                text()?
                    .and_then(|text| parse_instant(text).ok())
                    .map(|instant| instant.timestamp_micros()),
            ),
            ColumnBuilder::PropertyInstant(builder, moment) => builder.append_option(
                text()?
                    .and_then(|text| read_property_instant(text, moment))
                    .map(|instant| instant.timestamp_micros()),
            ),
            ColumnBuilder::List(builder) => {
                let items = text()?.map(read_items).unwrap_or_default();
                for item in &items {
                    builder.values().append_value(item);
                }
                builder.append(!items.is_empty());
            }
            ColumnBuilder::Coordinate(builder) => {
                builder.append_option(value.map(read_f64).transpose()?);
            }
            ColumnBuilder::Boolean(builder) => builder.append_option(match text()? {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            }),
            ColumnBuilder::Status(builder) => {
                let status = text()?.and_then(Status::parse);
                let place = status.and_then(|status| Status::ALL.iter().position(|s| *s == status));
                builder.append_option(place.and_then(|place| u8::try_from(place).ok()));
            }
        }
        Ok(())
    }

    /// Returns the column.
    pub fn finish(self) -> Column {
        match self {
            ColumnBuilder::Text(mut builder)
            | ColumnBuilder::Email(mut builder)
            | ColumnBuilder::EmailDomain(mut builder) => Column::Text(builder.finish()),
            ColumnBuilder::Number(mut builder) | ColumnBuilder::Coordinate(mut builder) => {
                Column::Number(builder.finish())
            }
            ColumnBuilder::Day(mut builder) | ColumnBuilder::CustomDay(mut builder) => {
                Column::Day(builder.finish())
            }
            ColumnBuilder::Instant(mut builder)
            | ColumnBuilder::CustomInstant(mut builder)
            | ColumnBuilder::PropertyInstant(mut builder, _) => Column::Instant(builder.finish()),
            ColumnBuilder::List(mut builder) => Column::List(builder.finish()),
            ColumnBuilder::Boolean(mut builder) => Column::Boolean(builder.finish()),
            ColumnBuilder::Status(mut builder) => Column::Status(builder.finish()),
        }
    }
}

/// Returns the non-empty texts in a JSON array, or an empty list if the value is of another kind.
fn read_items(json: &str) -> Vec<String> {
    let Ok(Value::Array(items)) = serde_json::from_str(json) else {
        return Vec::new();
    };
    items
        .into_iter()
        .filter_map(|item| match item {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        })
        .collect()
}

fn read_property_instant(text: &str, moment: &Moment) -> Option<DateTime<Utc>> {
    match parse_date_literal(text)? {
        DateLiteral::Day(day) => Some(moment.day_start(day)),
        DateLiteral::Instant(instant) => Some(instant),
    }
}
