//! How large the futures of resolvers are.
//!
//! async-graphql boxes a future for each field of each object, and it is as large as that of the largest field of the type.
//! Beyond some hundred bytes, most of the time of an answer goes into allocating and copying them. The futures of large
//! fields are therefore boxed where they are made.

use super::group::{GroupNode, SubscriberGroupConnection, SubscriberGroupEdge};
use super::segment::{SegmentNode, SubscriberSegmentConnection, SubscriberSegmentEdge};
use super::subscriber::SubscriberNode;
use async_graphql::{ContainerType, Context};

/// How large they may be.
const LARGEST: usize = 1_024;

/// The size of the future of a field of that type.
fn size_of<T: ContainerType + 'static>() -> (&'static str, usize) {
    fn of<A, B, F>(_: impl FnOnce(A, B) -> F) -> usize {
        std::mem::size_of::<F>()
    }
    let size =
        of(|parent: &'static T, context: &'static Context<'static>| parent.resolve_field(context));
    (std::any::type_name::<T>(), size)
}

#[test]
fn futures_of_fields_are_small() {
    let sizes = [
        size_of::<SubscriberNode>(),
        size_of::<GroupNode>(),
        size_of::<SegmentNode>(),
        size_of::<SubscriberGroupConnection>(),
        size_of::<SubscriberGroupEdge>(),
        size_of::<SubscriberSegmentConnection>(),
        size_of::<SubscriberSegmentEdge>(),
    ];
    let is_large = sizes.iter().any(|(_, size)| *size > LARGEST);
    assert!(!is_large, "expected at most {LARGEST} bytes: {sizes:#?}");
}
