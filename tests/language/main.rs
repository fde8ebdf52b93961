//! The rule language from JSON to members, without a database.
//!
//! | module | holds |
//! |---|---|
//! | `naive` | the language a second time, one person and one comparison after the other |
//! | `generate` | random rules, people and moments |
//! | `columns` | from people to the columns that the evaluator reads, and its answers over them |
//! | `agreement` | both evaluators find the same members, for thousands of random rules |
//! | `tables` | what each test means at its boundaries, with expectations written by hand |
//! | `problems` | what is said about a rule that is wrong |
//! | `documents` | stored rules of old versions |
//! | `hostile` | rules that try to cost too much |

mod agreement;
mod columns;
mod documents;
mod generate;
mod hostile;
mod naive;
mod problems;
mod tables;
