//! Event conditions: one pass over the events of a chunk answers all of them.
//!
//! Events, or lifetime totals, arrive in the order of subscribers. For the current subscriber, the tally keeps the
//! figures of every distinct window, and turns them into one bit per condition when the next subscriber begins. Its
//! memory depends on the number of conditions, not on the number of events, except for the days that a condition
//! counts.

use super::columns::{Chunk, Column, ColumnKey, RowIds};
use super::event_plan::{EventPlan, ResolvedEvent, ResolvedMeasure};
use super::exact_sum::ExactSum;
use super::kernels::passes;
use super::leaf::evaluate_part;
use super::millionths::{average_of_millionths, of_millionths};
use super::watch::{Part, Watch};
use crate::cancel::Stopped;
use arrow_array::Float64Array;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use chrono::{DateTime, NaiveDate};
use rollcall_rule::{InstantMeasure, Moment, NumberMeasure};
use std::collections::HashMap;

/// Which events a tally needs to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSpan {
    /// Names of the events, sorted; the place of a name is its number in [`EventTally::add`].
    pub names: Vec<String>,
    /// The earliest time that any condition needs, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The time from which on no condition needs events.
    pub until: Option<i64>,
    /// Whether any condition needs the values.
    pub needs_values: bool,
}

/// Figures of one or more events of a subscriber with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFigures {
    /// The number of events.
    pub count: u64,
    /// How many of them have a value.
    pub valued: u64,
    /// The sum of the values, in millionths.
    pub sum: i128,
    /// The least value, in millionths; meaningless if no event has a value.
    pub min: i128,
    /// The greatest value, in millionths; meaningless if no event has a value.
    pub max: i128,
    /// The time of the first event, in microseconds since 1970-01-01.
    pub first_at: i64,
    /// The time of the last event.
    pub last_at: i64,
}

impl EventFigures {
    const NONE: EventFigures = EventFigures {
        count: 0,
        valued: 0,
        sum: 0,
        min: i128::MAX,
        max: i128::MIN,
        first_at: i64::MAX,
        last_at: i64::MIN,
    };

    /// Returns the figures of one event, with its value in millionths if it has one.
    pub fn of_event(at: i64, value: Option<i128>) -> EventFigures {
        EventFigures {
            count: 1,
            valued: u64::from(value.is_some()),
            sum: value.unwrap_or(0),
            min: value.unwrap_or(i128::MAX),
            max: value.unwrap_or(i128::MIN),
            first_at: at,
            last_at: at,
        }
    }

    /// Returns the figures of lifetime totals, which do not contain the single values.
    pub fn of_totals(count: u64, sum: i128, first_at: i64, last_at: i64) -> EventFigures {
        EventFigures {
            count,
            sum,
            first_at,
            last_at,
            ..EventFigures::NONE
        }
    }

    fn add(&mut self, other: &EventFigures) {
        self.count += other.count;
        self.valued += other.valued;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// Figures of the numbers in a property.
#[derive(Debug, Clone, Default)]
struct PropertyFigures {
    count: u64,
    sum: ExactSum,
    /// The least and the greatest number, if there are any.
    ends: Option<(f64, f64)>,
}

impl PropertyFigures {
    fn add(&mut self, number: f64) {
        self.count += 1;
        self.sum.add(number);
        let (least, greatest) = self.ends.unwrap_or((number, number));
        self.ends = Some((least.min(number), greatest.max(number)));
    }

    fn measure(&self, measure: NumberMeasure) -> Measured {
        match (measure, self.ends) {
            (NumberMeasure::Sum, _) => Measured::Number(self.sum.divided_by(1)),
            (_, None) => Measured::Missing,
            (NumberMeasure::Min, Some((least, _))) => Measured::Number(least),
            (NumberMeasure::Max, Some((_, greatest))) => Measured::Number(greatest),
            (_, Some(_)) => Measured::Number(self.sum.divided_by(self.count)),
        }
    }
}

/// The result of a measure for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// A number.
    Number(f64),
    /// A time, in microseconds since 1970-01-01.
    Instant(i64),
    /// No result: there is no event, or none with a value.
    Missing,
}

/// Computes the answers to event conditions, subscriber by subscriber.
#[derive(Debug)]
pub struct EventTally<'p> {
    plan: &'p EventPlan,
    moment: Moment,
    /// The conditions that are answered here, by their positions in the plan.
    places: Vec<usize>,
    windows: Vec<Window>,
    /// For each event name by number, the windows that it counts in.
    windows_of_name: Vec<Vec<usize>>,
    answers: Vec<BooleanBufferBuilder>,
    row: Option<usize>,
    /// The windows that have events of the current row.
    touched: Vec<usize>,
    span: EventSpan,
}

/// The event names of a window, its start and end, the tests an event must pass, and the property that is measured.
type WindowKey<'p> = (
    &'p [String],
    Option<i64>,
    Option<i64>,
    &'p [usize],
    Option<usize>,
);

#[derive(Debug)]
struct Window {
    from: i64,
    until: i64,
    filters: Vec<usize>,
    figures: EventFigures,
    /// The position of the property that is measured, and the figures of its numbers.
    property: Option<(usize, PropertyFigures)>,
    /// Local days with an event, if a condition counts them.
    days: Option<Vec<NaiveDate>>,
    /// The conditions over this window, by their positions in the tally.
    conditions: Vec<usize>,
}

impl<'p> EventTally<'p> {
    /// Returns a tally for the conditions that lifetime totals can answer, over a chunk of that many rows, or `None` if
    /// the plan has no such conditions.
    pub fn of_totals(plan: &'p EventPlan, rows: usize, moment: &Moment) -> Option<EventTally<'p>> {
        EventTally::new(plan, rows, moment, true)
    }

    /// Returns a tally for the conditions that only the events themselves can answer, or `None` if the plan has no such
    /// conditions.
    pub fn of_events(plan: &'p EventPlan, rows: usize, moment: &Moment) -> Option<EventTally<'p>> {
        EventTally::new(plan, rows, moment, false)
    }

    fn new(
        plan: &'p EventPlan,
        rows: usize,
        moment: &Moment,
        by_totals: bool,
    ) -> Option<EventTally<'p>> {
        let places: Vec<usize> = (0..plan.leaves.len())
            .filter(|place| plan.leaves[*place].is_answered_by_totals() == by_totals)
            .collect();
        if places.is_empty() {
            return None;
        }
        let conditions: Vec<&ResolvedEvent> =
            places.iter().map(|place| &plan.leaves[*place]).collect();
        let span = span_of(&conditions);
        let mut windows: Vec<Window> = Vec::new();
        let mut windows_of_name = vec![Vec::new(); span.names.len()];
        let mut known: HashMap<WindowKey<'_>, usize> = HashMap::new();
        let mut answers = Vec::with_capacity(conditions.len());
        for (position, condition) in conditions.iter().enumerate() {
            let key = (
                condition.names.as_slice(),
                condition.from,
                condition.until,
                condition.filters.as_slice(),
                condition.of,
            );
            let place = *known.entry(key).or_insert_with(|| {
                for name in &condition.names {
                    if let Ok(number) = span.names.binary_search(name) {
                        windows_of_name[number].push(windows.len());
                    }
                }
                windows.push(Window::new(condition));
                windows.len() - 1
            });
            windows[place].take_on(position, condition);
            answers.push(filled(
                rows,
                condition.holds(measure(condition, None), moment),
            ));
        }
        Some(EventTally {
            plan,
            moment: *moment,
            places,
            windows,
            windows_of_name,
            answers,
            row: None,
            touched: Vec::new(),
            span,
        })
    }

    /// Returns which events must be added.
    pub fn span(&self) -> &EventSpan {
        &self.span
    }

    /// Adds an event or lifetime totals of a subscriber. `passes` says which filters of the plan the event passes.
    /// `number` returns its number in a measured property of the plan.
    ///
    /// Everything of a row must be added before the next row. Totals are added as if all their events happened at the
    /// last one's time, which is right because their windows span all time.
    pub fn add(
        &mut self,
        row: usize,
        name: usize,
        figures: &EventFigures,
        passes: impl Fn(usize) -> bool,
        number: impl Fn(usize) -> Option<f64>,
    ) {
        if self.row != Some(row) {
            self.finish_row();
            self.row = Some(row);
        }
        let at = figures.last_at;
        for place in &self.windows_of_name[name] {
            let window = &mut self.windows[*place];
            let counts = window.from <= at
                && at < window.until
                && window.filters.iter().all(|filter| passes(*filter));
            if counts {
                if window.figures.count == 0 {
                    self.touched.push(*place);
                }
                window.figures.add(figures);
                if let Some((property, numbers)) = &mut window.property
                    && let Some(number) = number(*property)
                {
                    numbers.add(number);
                }
                if let (Some(days), Some(instant)) =
                    (&mut window.days, DateTime::from_timestamp_micros(at))
                {
                    days.push(self.moment.local_day(instant));
                }
            }
        }
    }

    /// Returns the answers, each with the position of its condition in the plan.
    pub fn finish(mut self) -> Vec<(usize, BooleanBuffer)> {
        self.finish_row();
        let answers = self.answers.into_iter().map(|mut bits| bits.finish());
        self.places.into_iter().zip(answers).collect()
    }

    /// Returns what was measured for the current row, each with the position of its condition in the plan.
    pub fn measured(&self) -> Vec<(usize, Measured)> {
        let mut measured: Vec<(usize, Measured)> = self
            .places
            .iter()
            .map(|place| (*place, measure(&self.plan.leaves[*place], None)))
            .collect();
        for window in &self.windows {
            for position in &window.conditions {
                let condition = &self.plan.leaves[self.places[*position]];
                measured[*position].1 = measure(condition, Some(window));
            }
        }
        measured
    }

    fn finish_row(&mut self) {
        let Some(row) = self.row else {
            return;
        };
        for place in self.touched.drain(..) {
            let window = &mut self.windows[place];
            for position in &window.conditions {
                let condition = &self.plan.leaves[self.places[*position]];
                let answer = condition.holds(measure(condition, Some(window)), &self.moment);
                self.answers[*position].set_bit(row, answer);
            }
            window.figures = EventFigures::NONE;
            if let Some((_, numbers)) = &mut window.property {
                *numbers = PropertyFigures::default();
            }
            if let Some(days) = &mut window.days {
                days.clear();
            }
        }
    }
}

impl Window {
    fn new(condition: &ResolvedEvent) -> Window {
        Window {
            from: condition.from.unwrap_or(i64::MIN),
            until: condition.until.unwrap_or(i64::MAX),
            filters: condition.filters.clone(),
            figures: EventFigures::NONE,
            property: condition.of.map(|of| (of, PropertyFigures::default())),
            days: None,
            conditions: Vec::new(),
        }
    }

    fn take_on(&mut self, position: usize, condition: &ResolvedEvent) {
        self.conditions.push(position);
        if let ResolvedMeasure::Number(NumberMeasure::DistinctDays, _) = condition.measure {
            self.days.get_or_insert_default();
        }
    }

    fn count_days(&self) -> usize {
        let mut days = self.days.clone().unwrap_or_default();
        days.sort_unstable();
        days.dedup();
        days.len()
    }
}

impl ResolvedEvent {
    fn holds(&self, measured: Measured, moment: &Moment) -> bool {
        match (&self.measure, measured) {
            (ResolvedMeasure::Number(_, test), Measured::Number(number)) => passes(test, number),
            (ResolvedMeasure::Instant(_, test), Measured::Instant(at)) => test.passes(at, moment),
            _ => false,
        }
    }
}

/// Computes the measure of a condition over a window. If there is no window, there are no events.
fn measure(condition: &ResolvedEvent, window: Option<&Window>) -> Measured {
    let figures = window.map_or(EventFigures::NONE, |window| window.figures);
    if let (ResolvedMeasure::Number(measure, _), Some(_)) = (&condition.measure, condition.of) {
        let property = window.and_then(|window| window.property.as_ref());
        return match property {
            Some((_, numbers)) => numbers.measure(*measure),
            None => PropertyFigures::default().measure(*measure),
        };
    }
    let valued = |value: fn(&EventFigures) -> f64| match figures.valued {
        0 => Measured::Missing,
        _ => Measured::Number(value(&figures)),
    };
    match &condition.measure {
        ResolvedMeasure::Number(measure, _) => match measure {
            NumberMeasure::Count => Measured::Number(figures.count as f64),
            NumberMeasure::DistinctDays => {
                Measured::Number(window.map_or(0, Window::count_days) as f64)
            }
            NumberMeasure::Sum => Measured::Number(of_millionths(figures.sum)),
            NumberMeasure::Average => {
                valued(|figures| average_of_millionths(figures.sum, figures.valued))
            }
            NumberMeasure::Min => valued(|figures| of_millionths(figures.min)),
            NumberMeasure::Max => valued(|figures| of_millionths(figures.max)),
        },
        ResolvedMeasure::Instant(..) if figures.count == 0 => Measured::Missing,
        ResolvedMeasure::Instant(InstantMeasure::FirstAt, _) => Measured::Instant(figures.first_at),
        ResolvedMeasure::Instant(InstantMeasure::LastAt, _) => Measured::Instant(figures.last_at),
    }
}

fn span_of(conditions: &[&ResolvedEvent]) -> EventSpan {
    let mut names: Vec<String> = conditions
        .iter()
        .flat_map(|condition| condition.names.iter().cloned())
        .collect();
    names.sort();
    names.dedup();
    // If one condition has an open end, the span has too. At the start, `min` sees to this: `None` is the least option.
    let from = conditions
        .iter()
        .map(|condition| condition.from)
        .min()
        .flatten();
    let is_open = conditions.iter().any(|condition| condition.until.is_none());
    let until = conditions
        .iter()
        .filter_map(|condition| condition.until)
        .max();
    EventSpan {
        names,
        from,
        until: if is_open { None } else { until },
        needs_values: conditions.iter().any(|condition| condition.needs_values()),
    }
}

/// Returns the numbers that events have in the measured properties of a plan, in the order of the plan.
pub fn measured_numbers(
    plan: &EventPlan,
    columns: &HashMap<ColumnKey, Column>,
) -> Vec<Option<Float64Array>> {
    let column = |name: &String| match columns.get(&ColumnKey::Number(name.clone())) {
        Some(Column::Number(numbers)) => Some(numbers.clone()),
        _ => None,
    };
    plan.measured.iter().map(column).collect()
}

/// Evaluates the filters of a plan over events, whose properties are the columns. Returns one bit per event and filter.
///
/// # Errors
/// Fails with [`Stopped`] if `watch` stops the evaluation.
pub fn evaluate_filters(
    plan: &EventPlan,
    columns: HashMap<ColumnKey, Column>,
    events: usize,
    moment: &Moment,
    watch: &dyn Watch,
) -> Result<Vec<BooleanBuffer>, Stopped> {
    // The events take the place of subscribers, and their properties the place of fields.
    let chunk = Chunk {
        ids: RowIds::From(0),
        exists: BooleanBuffer::new_set(events),
        columns,
        groups: HashMap::new(),
        segments: HashMap::new(),
        histories: HashMap::new(),
        events: Vec::new(),
    };
    let mut folded = Default::default();
    let filters = plan.filters.iter().enumerate();
    filters
        .map(|(place, filter)| {
            let part = Part::Filter(place);
            let passing = evaluate_part(part, &filter.leaf, &chunk, moment, &mut folded, watch)?;
            Ok(if filter.negated { !&passing } else { passing })
        })
        .collect()
}

fn filled(rows: usize, value: bool) -> BooleanBufferBuilder {
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, value);
    bits
}
