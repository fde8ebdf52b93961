//! SQL statements, written by hand, that a connection keeps prepared.
//!
//! diesel keeps no [`sql_query`](diesel::sql_query) prepared, because it cannot know how many texts there are, and no
//! update either. Postgres plans those anew whenever they run. The statements of this module are prepared only once.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A statement with the values of its parameters. Its rows are read by the names of their columns, or, if their types
/// are given, in the order of the columns.
pub struct Statement<'t, V, S = Untyped> {
    text: Cow<'t, str>,
    values: V,
    sql_type: PhantomData<S>,
}

/// Begins a statement with that text. Its parameters `$1`, `$2` and so on are bound next. A connection keeps every text
/// prepared, so there must be few different texts.
pub fn statement<'t>(text: impl Into<Cow<'t, str>>) -> Statement<'t, ()> {
    Statement {
        text: text.into(),
        values: (),
        sql_type: PhantomData,
    }
}

/// The values of parameters, and the value of the next parameter.
pub struct Bound<V, T, U> {
    before: V,
    value: U,
    sql_type: PhantomData<T>,
}

impl<'t, V> Statement<'t, V> {
    /// Binds the value of the next parameter.
    pub fn bind<T, U>(self, value: U) -> Statement<'t, Bound<V, T, U>> {
        Statement {
            text: self.text,
            values: Bound {
                before: self.values,
                value,
                sql_type: PhantomData,
            },
            sql_type: PhantomData,
        }
    }

    /// Gives the types of the columns: one, or a tuple.
    pub fn returning<S>(self) -> Statement<'t, V, S> {
        Statement {
            text: self.text,
            values: self.values,
            sql_type: PhantomData,
        }
    }
}

impl<V: QueryFragment<Pg>, S> QueryFragment<Pg> for Statement<'_, V, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // diesel writes the name of a parameter when it is bound. In a comment the names do no harm, and the text may
        // use the parameters in any order.
        out.push_sql("/* ");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql("*/ ");
        out.push_sql(&self.text);
        Ok(())
    }
}

impl<V: QueryFragment<Pg>, T, U: ToSql<T, Pg>> QueryFragment<Pg> for Bound<V, T, U>
where
    Pg: HasSqlType<T>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.before.walk_ast(out.reborrow())?;
        out.push_bind_param::<T, U>(&self.value)?;
        out.push_sql(" ");
        Ok(())
    }
}

impl<V, S> QueryId for Statement<'_, V, S> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V, S> Query for Statement<'_, V, S> {
    type SqlType = S;
}

impl<V, S, C> RunQueryDsl<C> for Statement<'_, V, S> {}

/// A statement of diesel's that a connection keeps prepared although diesel would not. There must be few different texts.
pub struct Kept<Q>(pub Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Kept<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Kept<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Kept<Q> {}
