//! What is said about a query or a rule that cannot be mapped.

use crate::{catalogue, parsed};
use insta::assert_snapshot;
use rollcall_rule::{Problem, from_query_builder, to_query_builder};
use serde_json::{Value, json};

fn described(result: Result<Value, Vec<Problem>>) -> String {
    let Err(problems) = result else {
        return "none".to_owned();
    };
    let describe = |problem: &Problem| {
        let code = serde_json::to_value(problem.code).expect("codes have names");
        let code = code.as_str().expect("a name");
        let hint = problem.hint.iter().map(|hint| format!("\n  hint: {hint}"));
        let hint: String = hint.collect();
        format!("{code} at [{}]\n  {}{hint}", problem.path, problem.message)
    };
    problems.iter().map(describe).collect::<Vec<_>>().join("\n")
}

fn problems_of(query: Value) -> String {
    described(from_query_builder(&query, &catalogue()))
}

/// The problems of rules: field, operator and value of each.
fn problems_of_rules<const N: usize>(rules: [(&str, &str, Value); N]) -> String {
    let rules = rules.map(
        |(field, operator, value)| json!({"field": field, "operator": operator, "value": value}),
    );
    problems_of(json!({"combinator": "and", "rules": rules.to_vec()}))
}

#[test]
fn all_problems_are_told_at_once() {
    assert_snapshot!(problems_of(json!({"combinator": "and", "rules": [
        {"field": "country", "operator": "=", "value": "city", "valueSource": "field"},
        {"field": "country", "operator": "containz", "value": "L"},
        {"combinator": "or", "rules": [
            {"field": "contry", "operator": "=", "value": "LT"},
            {"field": "custom.tags", "operator": "in", "value": "a",
                "match": {"mode": "atLeast", "threshold": 2}},
        ]},
    ]})), @r#"
    WRONG_VALUE at [rules[0].valueSource]
      expected the value source "value", found "field"
      hint: fields cannot be compared with each other: give a value
    UNKNOWN_TEST at [rules[1].operator]
      expected an operator of a text field ("=", "!=", "contains", "doesNotContain", "beginsWith", "doesNotBeginWith", "endsWith", "doesNotEndWith", "in", "notIn", "null", "notNull"), found "containz"
      hint: did you mean "contains"?
    UNKNOWN_FIELD at [rules[2].rules[0].field]
      expected a field, found "contry", which does not exist
      hint: did you mean "country"?
    UNKNOWN_KEY at [rules[2].rules[1].match]
      expected a rule without a match mode, found one with it
      hint: ask whether a list contains values with "contains", "in" or "notIn"
    "#);
}

#[test]
fn queries_of_another_shape() {
    assert_snapshot!(problems_of(json!([])), @r#"
    WRONG_SHAPE at []
      expected a query, an object with the key "rules", found a list
    "#);
    assert_snapshot!(problems_of(json!({})), @r#"
    MISSING at []
      expected the key "rules", found none
    "#);
    assert_snapshot!(problems_of(json!({"all": [{"everyone": true}]})), @r#"
    MISSING at []
      expected the key "rules", found none
    "#);
    assert_snapshot!(problems_of(json!({"combinator": "and", "rules": {}, "not": "yes"})), @r#"
    WRONG_SHAPE at [not]
      expected true or false, found the text "yes"
    WRONG_SHAPE at [rules]
      expected a list of rules and groups, found an object
    "#);
    assert_snapshot!(problems_of(json!({"combinator": "and", "rules": [1, {"field": 2}, "or"]})), @r#"
    WRONG_SHAPE at [rules[0]]
      expected a rule or a group, found the number 1
    WRONG_SHAPE at [rules[1].field]
      expected a text, found the number 2
    MISSING at [rules[1]]
      expected the key "operator", found none
    WRONG_SHAPE at [rules[2]]
      expected a rule or a group, found the text "or"
      hint: combinators are allowed between rules only if the group itself has none
    "#);
    assert_snapshot!(problems_of(json!({"combinator": "and", "rules": [], "muted": true})), @"
    EMPTY at [muted]
      expected a query that is not muted, found a muted one
    ");
    assert_snapshot!(problems_of(json!({"combinator": "and", "not": true, "rules": []})), @r#"
    EMPTY at [rules]
      expected at least one rule that is not muted in a group with "not", found none
    "#);
    let rule = json!({"field": "country", "operator": "null", "not": true, "muted": 1});
    assert_snapshot!(problems_of(json!({"combinator": "xor", "rules": [rule]})), @r#"
    WRONG_VALUE at [combinator]
      expected a combinator ("and", "or"), found "xor"
      hint: write "a xor b" as (a or b) and not (a and b)
    WRONG_SHAPE at [rules[0].muted]
      expected true or false, found the number 1
    UNKNOWN_KEY at [rules[0].not]
      expected "not" in a group, found it in a rule
    "#);
}

#[test]
fn combinators_between_rules() {
    let rule = json!({"field": "country", "operator": "notNull", "value": null});
    let muted = json!({"muted": true, "field": "country", "operator": "null", "value": null});
    assert_snapshot!(problems_of(json!({"rules": [rule, rule]})), @r#"
    MISSING at []
      expected the key "combinator", or combinators between the rules, found neither
    "#);
    assert_snapshot!(problems_of(json!({"rules": [rule, "and"]})), @"
    MISSING at [rules]
      expected a rule or a group after the last combinator, found none
    ");
    assert_snapshot!(problems_of(json!({"rules": [rule, "nor", rule, rule, "and"]})), @r#"
    WRONG_VALUE at [rules[1]]
      expected a combinator ("and", "or"), found "nor"
    WRONG_SHAPE at [rules[3]]
      expected a combinator ("and", "or"), found an object
    WRONG_SHAPE at [rules[4]]
      expected a rule or a group, found the text "and"
      hint: combinators are allowed between rules only if the group itself has none
    "#);
    assert_snapshot!(problems_of(json!({"rules": [rule, "or", muted, "and", rule]})), @r#"
    WRONG_VALUE at [rules[2]]
      a muted rule in a group with both "and" and "or" is ambiguous
      hint: remove the rule together with its combinator
    "#);
}

#[test]
fn bounds() {
    let rule = json!({"field": "country", "operator": "notNull", "value": null});
    let deep = (0..20).fold(
        rule.clone(),
        |inner, _| json!({"combinator": "and", "rules": [inner]}),
    );
    assert_snapshot!(problems_of(deep), @"
    TOO_DEEP at [rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0].rules[0]]
      expected groups nested at most 16 deep, found more
    ");
    assert_snapshot!(problems_of(json!({"combinator": "and", "rules": vec![rule; 600]})), @"
    TOO_MANY_NODES at []
      expected at most 500 nodes, found more
    ");
    let many: Vec<u32> = (0..10_001).collect();
    assert_snapshot!(problems_of_rules([("custom.visits", "in", json!(many))]), @"
    TOO_MANY_VALUES at [rules[0].value]
      expected at most 10000 values, found 10001
    ");
}

#[test]
fn fields_and_operators() {
    assert_snapshot!(problems_of_rules([
        ("~", "~", json!("")),
        ("visits", "=", json!(1)),
        ("groups", "=", json!("staff")),
        ("custom.visits", "contains", json!(1)),
        ("country", "between", json!(["A", "B"])),
        ("birthday", "in", json!(["2026-03-01"])),
        ("custom.vip", "in", json!([true])),
        ("custom.tags", "=", json!("a")),
        ("status", "null", json!(null)),
        ("group", "contains", json!("staff")),
    ]), @r#"
    UNKNOWN_FIELD at [rules[0].field]
      expected a field, found "~", which does not exist
      hint: choose a field, or remove the rule
    UNKNOWN_FIELD at [rules[1].field]
      expected a field, found "visits", which does not exist
      hint: did you mean "custom.visits"?
    UNKNOWN_FIELD at [rules[2].field]
      expected a field, found "groups", which does not exist
      hint: did you mean "group"?
    UNKNOWN_TEST at [rules[3].operator]
      expected an operator of a number field ("=", "!=", "<", "<=", ">", ">=", "between", "notBetween", "in", "notIn", "null", "notNull"), found "contains"
    UNKNOWN_TEST at [rules[4].operator]
      expected an operator of a text field ("=", "!=", "contains", "doesNotContain", "beginsWith", "doesNotBeginWith", "endsWith", "doesNotEndWith", "in", "notIn", "null", "notNull"), found "between"
    UNKNOWN_TEST at [rules[5].operator]
      expected an operator of a date field ("=", "!=", "<", "<=", ">", ">=", "between", "notBetween", "null", "notNull"), found "in"
      hint: use "=" or "!=" rules in a group of their own
    UNKNOWN_TEST at [rules[6].operator]
      expected an operator of a boolean field ("=", "!=", "null", "notNull"), found "in"
    UNKNOWN_TEST at [rules[7].operator]
      expected an operator of a list field ("in", "notIn", "contains", "doesNotContain", "null", "notNull"), found "="
      hint: use "contains" or "in"
    UNKNOWN_TEST at [rules[8].operator]
      expected an operator of a status field ("in", "notIn", "=", "!="), found "null"
    UNKNOWN_TEST at [rules[9].operator]
      expected an operator of a group field ("in", "notIn", "=", "!=", "null", "notNull"), found "contains"
    "#);
}

#[test]
fn values() {
    assert_snapshot!(problems_of_rules([
        ("country", "=", json!("")),
        ("country", "=", json!(["LT"])),
        ("country", "in", json!(" , ")),
        ("country", "in", json!(["LT", "", 3, null])),
        ("custom.visits", "=", json!("three")),
        ("custom.visits", "=", json!("inf")),
        ("custom.visits", "between", json!("9,3")),
        ("custom.visits", "between", json!([1])),
        ("custom.visits", "in", json!({"a": 1})),
        ("custom.vip", "=", json!("yes")),
    ]), @r#"
    EMPTY at [rules[0].value]
      expected a text, found an empty one
      hint: to ask for those without a value use the operator "null"
    WRONG_SHAPE at [rules[1].value]
      expected a text, found a list
    EMPTY at [rules[2].value]
      expected a list of values, found an empty one
    EMPTY at [rules[3].value[1]]
      expected a text, found an empty one
      hint: to ask for those without a value use the operator "null"
    WRONG_SHAPE at [rules[3].value[3]]
      expected a text, found null
    WRONG_SHAPE at [rules[4].value]
      expected a number, found the text "three"
    WRONG_SHAPE at [rules[5].value]
      expected a number, found the text "inf"
    WRONG_VALUE at [rules[6].value]
      expected the lower value first, found 9 and 3
    WRONG_SHAPE at [rules[7].value]
      expected two values, found 1
    WRONG_SHAPE at [rules[8].value]
      expected a list of values, found an object
    WRONG_SHAPE at [rules[9].value]
      expected true or false, found the text "yes"
    "#);
    assert_snapshot!(problems_of_rules([
        ("birthday", "=", json!("2026-02-30")),
        ("birthday", "<", json!("2026-03-01T09:30:00Z")),
        ("createdAt", "<", json!("2026-03-01T09:30")),
        ("createdAt", "between", json!(["2026-03-02", "2026-03-01"])),
        ("createdAt", "=", json!(20260301)),
        ("status", "=", json!("subscribd")),
        ("group", "in", json!(["staff", "stuff"])),
        ("segment", "=", json!("loya")),
    ]), @r#"
    WRONG_VALUE at [rules[0].value]
      expected a day of the calendar (February 2026 has the days 01 to 28), found "2026-02-30"
    WRONG_VALUE at [rules[1].value]
      expected a day such as "2026-03-01", found "2026-03-01T09:30:00Z"
    WRONG_VALUE at [rules[2].value]
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found "2026-03-01T09:30"
      hint: add the offset from UTC, such as "2026-03-01T09:30:00Z" for UTC itself
    WRONG_VALUE at [rules[3].value]
      expected the lower value first, found "2026-03-02" and "2026-03-01"
    WRONG_SHAPE at [rules[4].value]
      expected a day such as "2026-03-01" or a time such as "2026-03-01T09:30:00Z", found the number 20260301
    WRONG_VALUE at [rules[5].value]
      expected a status ("SUBSCRIBED", "UNSUBSCRIBED", "BOUNCED", "COMPLAINED", "PENDING"), found "subscribd"
      hint: did you mean "SUBSCRIBED"?
    UNKNOWN_GROUP at [rules[6].value[1]]
      expected the key of a group, found "stuff", which does not exist
      hint: did you mean "staff"?
    UNKNOWN_SEGMENT at [rules[7].value]
      expected the key of a segment, found "loya", which does not exist
      hint: did you mean "loyal"?
    "#);
}

#[test]
fn rules_that_react_querybuilder_cannot_say() {
    let date = |test: Value| json!({"date": {"field": "birthday", "is": test}});
    let week = json!({"amount": 1, "unit": "WEEK"});
    let rule = json!({"all": [
        {"text": {"field": "country", "is": {"equals": "LT"}}},
        {"not": {"any": [
            {"event": {"name": "purchase"}},
            {"location": {"isSet": true}},
            {"random": {"salt": "spring", "fromPercent": 0, "toPercent": 50}},
        ]}},
        {"text": {"field": "city", "is": {"matches": "^V"}}},
        {"text": {"field": "city", "is": {"equals": "Vilnius"}, "caseSensitive": true}},
        {"list": {"field": "custom.tags", "is": {"size": {"atLeast": 1}}}},
        {"group": {"inAny": ["staff"], "addedAt": {"inTheLast": week}}},
        date(json!({"inTheLast": week})),
        date(json!({"moreThanAgo": week})),
        date(json!({"inTheNext": week})),
        date(json!({"isToday": true})),
        date(json!({"anniversaryToday": true})),
        date(json!({"anniversaryInTheNext": week})),
        date(json!({"anniversaryInTheLast": week})),
        date(json!({"anniversaryMonth": 3})),
        date(json!({"betweenAgo": {"from": week, "to": week}})),
        date(json!({"during": "TODAY"})),
        {"group": {"none": true, "addedAt": {"during": "TODAY"}}},
        {"segment": {"inAny": ["loyal"], "ever": true}},
        {"segment": {"inAny": ["loyal"], "joinedAt": {"during": "TODAY"}}},
    ]});
    assert_snapshot!(described(to_query_builder(&parsed(&rule))), @r#"
    UNKNOWN_NODE at [all[1].not.any[0].event]
      react-querybuilder has no node "event"
    UNKNOWN_NODE at [all[1].not.any[1].location]
      react-querybuilder has no node "location"
    UNKNOWN_NODE at [all[1].not.any[2].random]
      react-querybuilder has no node "random"
    UNKNOWN_TEST at [all[2].text.is.matches]
      react-querybuilder has no test "matches"
    UNKNOWN_KEY at [all[3].text.caseSensitive]
      react-querybuilder has no case-sensitive tests
    UNKNOWN_TEST at [all[4].list.is.size]
      react-querybuilder has no test "size"
    UNKNOWN_KEY at [all[5].group.addedAt]
      react-querybuilder has no test of groups "addedAt"
    UNKNOWN_TEST at [all[6].date.is.inTheLast]
      react-querybuilder has no test "inTheLast"
    UNKNOWN_TEST at [all[7].date.is.moreThanAgo]
      react-querybuilder has no test "moreThanAgo"
    UNKNOWN_TEST at [all[8].date.is.inTheNext]
      react-querybuilder has no test "inTheNext"
    UNKNOWN_TEST at [all[9].date.is.isToday]
      react-querybuilder has no test "isToday"
    UNKNOWN_TEST at [all[10].date.is.anniversaryToday]
      react-querybuilder has no test "anniversaryToday"
    UNKNOWN_TEST at [all[11].date.is.anniversaryInTheNext]
      react-querybuilder has no test "anniversaryInTheNext"
    UNKNOWN_TEST at [all[12].date.is.anniversaryInTheLast]
      react-querybuilder has no test "anniversaryInTheLast"
    UNKNOWN_TEST at [all[13].date.is.anniversaryMonth]
      react-querybuilder has no test "anniversaryMonth"
    UNKNOWN_TEST at [all[14].date.is.betweenAgo]
      react-querybuilder has no test "betweenAgo"
    UNKNOWN_TEST at [all[15].date.is.during]
      react-querybuilder has no test "during"
    UNKNOWN_KEY at [all[16].group.addedAt]
      react-querybuilder has no test of groups "addedAt"
    UNKNOWN_KEY at [all[17].segment.ever]
      react-querybuilder has no test of segments "ever"
    UNKNOWN_KEY at [all[18].segment.joinedAt]
      react-querybuilder has no test of segments "joinedAt"
    "#);
}
