//! Scans: evaluates rules over the audience, for refreshes, previews, explanations, exports and the follower. Holds the
//! snapshot, the loading of the columns that the rules need, and the blocks of members.

pub(crate) mod blocks;
pub(crate) mod budget;
pub(crate) mod chunk_range;
pub(crate) mod column_builder;
pub(crate) mod explain;
pub(crate) mod guard;
pub(crate) mod load;
pub(crate) mod load_events;
pub(crate) mod load_history;
pub(crate) mod matching;
pub(crate) mod meter;
pub(crate) mod pg_array;
pub(crate) mod preview;
pub(crate) mod rows;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod turns;
pub(crate) mod work;
pub(crate) mod workers;

pub use budget::RULE_BUDGET;
pub use explain::{NodeAnswer, explain};
pub use matching::{find_matching, list_matching};
pub use meter::{Figure, Meter, Phase};
pub use preview::{Difference, People, Preview, PreviewRequest, preview};
pub use settings::RefreshSettings;
pub use snapshot::{Snapshot, prefer_indexes};
pub use turns::{ScanLimits, Scans};
