//! Laws that hold for every field of the schema. The questions are made from the schema, so that no field can be forgotten.

mod faults;
mod nullable;
mod pages;
mod statements;
mod walk;
