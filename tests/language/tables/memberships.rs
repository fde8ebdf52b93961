//! Groups by when people were added, segments by what their rules say, and random shares.

use super::dates::{DAYS, PERIODS, just_after, just_before};
use super::{Audience, NOON, audience, check, custom, nobody, parse};
use crate::columns::FIRST_ID;
use crate::naive::{CustomValue, Person, Segment, bucket};
use rollcall_rule::parse_rule;
use serde_json::{Value, json};
use twox_hash::XxHash64;

fn added(at: &str) -> Person {
    Person {
        groups: [("staff".to_owned(), parse(at))].into(),
        ..nobody()
    }
}

fn staff(window: Value) -> Value {
    json!({"group": {"inAny": ["staff"], "addedAt": window}})
}

#[test]
fn people_were_added_on_local_days() {
    for (zone, day, [before, first, last, after]) in DAYS {
        let instants = [before, first, last, after].join(" | ");
        let people = audience(&format!("{first} {zone}"), &instants, added);
        let day_itself = staff(json!({"between": {"from": day, "to": day}}));
        check(&people, day_itself, &format!("{first} | {last}"));
        check(&people, staff(json!({"before": day})), before);
        check(&people, staff(json!({"after": day})), after);
        check(&people, json!({"group": {"inAny": ["staff"]}}), &instants);
        check(
            &people,
            json!({"group": {"inAny": ["staff"], "addedAt": null}}),
            &instants,
        );
    }
}

#[test]
fn people_were_added_in_the_last_days() {
    for (moment, amount, unit, past, _) in PERIODS {
        let (now, _) = moment.split_once(' ').expect("an instant and a zone");
        let in_the_last = staff(json!({"inTheLast": {"amount": amount, "unit": unit}}));
        let (too_early, too_late) = (just_before(past), just_after(now));
        let bounds = if past == now {
            now.to_owned()
        } else {
            format!("{past} | {now}")
        };
        let instants = format!("{too_early} | {bounds} | {too_late}");
        check(&audience(moment, &instants, added), in_the_last, &bounds);
    }
}

#[test]
fn each_group_has_its_own_day() {
    let people = audience(NOON, "both in May | one in May | one at all", |name| {
        let (may, june) = (parse("2026-05-10T00:00:00Z"), parse("2026-06-10T00:00:00Z"));
        let groups = match name {
            "both in May" => vec![("staff", may), ("press", may)],
            "one in May" => vec![("staff", may), ("press", june)],
            _ => vec![("press", june)],
        };
        let groups = groups.into_iter().map(|(key, at)| (key.to_owned(), at));
        Person {
            groups: groups.collect(),
            ..nobody()
        }
    });
    let in_may = |quantifier: &str| {
        let may = json!({"between": {"from": "2026-05-01", "to": "2026-05-31"}});
        json!({"group": {quantifier: ["press", "staff"], "addedAt": may}})
    };
    check(&people, in_may("inAny"), "both in May | one in May");
    check(&people, in_may("inAll"), "both in May");
    check(
        &people,
        json!({"not": in_may("inAll")}),
        "none | one in May | one at all",
    );
    check(
        &people,
        json!({"group": {"inAll": ["press", "staff"]}}),
        "both in May | one in May",
    );
}

/// People with one to four visits, and segments that divide them; `both` asks about `left` and `right`, which both ask
/// about `base`.
fn divided() -> Audience {
    let mut people = audience(NOON, "1 | 2 | 3 | 4", |value| {
        custom("visits", CustomValue::Number(parse(value)))
    });
    let visits = |test: Value| json!({"number": {"field": "custom.visits", "is": test}});
    let base = || json!({"segment": {"inAny": ["base"]}});
    // The second and the fourth of the people, who stand in every third row, and somebody who does not exist any more.
    let archived = [FIRST_ID + 4, FIRST_ID + 10, FIRST_ID + 11].into();
    people.world.segments.extend(
        [
            ("archived", Segment::Stored(archived)),
            ("base", Segment::Rule(visits(json!({"atLeast": 2})))),
            (
                "left",
                Segment::Rule(json!({"all": [base(), visits(json!({"atMost": 3}))]})),
            ),
            (
                "right",
                Segment::Rule(json!({"all": [base(), visits(json!({"notEquals": 2}))]})),
            ),
            (
                "both",
                Segment::Rule(json!({"segment": {"inAll": ["left", "right"]}})),
            ),
            (
                "loyal",
                Segment::Rule(json!({"not": {"segment": {"inAny": ["both"]}}})),
            ),
        ]
        .map(|(key, segment)| (key.to_owned(), segment)),
    );
    people
}

#[test]
fn segments_are_whom_their_rules_find_now() {
    let people = divided();
    let any = |keys: Value| json!({"segment": {"inAny": keys}});
    let all = |keys: Value| json!({"segment": {"inAll": keys}});
    for (rule, expected) in [
        (any(json!(["base"])), "2 | 3 | 4"),
        (any(json!(["left"])), "2 | 3"),
        (any(json!(["right"])), "3 | 4"),
        (any(json!(["both"])), "3"),
        (any(json!(["right", "left", "right"])), "2 | 3 | 4"),
        (all(json!(["right", "left", "base", "base"])), "3"),
        (any(json!(["loyal"])), "none | 1 | 2 | 4"),
        (all(json!(["loyal", "both"])), ""),
        (any(json!(["loyal", "both"])), "none | 1 | 2 | 3 | 4"),
    ] {
        check(&people, rule, expected);
    }
}

#[test]
fn a_segment_without_a_rule_has_its_stored_members() {
    let people = divided();
    let any = |keys: Value| json!({"segment": {"inAny": keys}});
    check(&people, any(json!(["archived"])), "1 | 3");
    check(
        &people,
        json!({"not": any(json!(["archived"]))}),
        "none | 2 | 4",
    );
    check(&people, any(json!(["archived", "left"])), "1 | 2 | 3");
    check(
        &people,
        json!({"segment": {"inAll": ["archived", "both"]}}),
        "3",
    );
}

fn share(salt: &str, from: &str, to: &str) -> Value {
    let percent = |text: &str| parse::<Value>(text);
    json!({"random": {"salt": salt, "fromPercent": percent(from), "toPercent": percent(to)}})
}

#[test]
fn the_hash_of_random_shares_is_the_published_one() {
    // From the test vectors of xxHash.
    assert_eq!(XxHash64::oneshot(0, b""), 0xef46_db37_51d8_e999);
    assert_eq!(XxHash64::oneshot(0, b"abc"), 0x44bc_2cf5_ad77_0999);
    // The salt and the id, least byte first, spell a text whose hash is 0xfbcea83c8a378bf1.
    let (salt, id) = (
        "Nobody inspects the spammish re",
        i64::from_le_bytes(*b"petition"),
    );
    let expected = 0xfbce_a83c_8a37_8bf1_u64 % 10_000;
    assert_eq!(rollcall_rule::bucket(salt, id), expected);
    assert_eq!(bucket(salt, id), expected);
}

#[test]
fn a_share_begins_where_another_ends() {
    let people = audience(NOON, "ann | bob | cid | dan | eve", |_| nobody());
    check(
        &people,
        share("a", "0", "100"),
        "none | ann | bob | cid | dan | eve",
    );
    // Each salt puts the second of the people elsewhere: into a bucket that ends where the next begins.
    let id = FIRST_ID + 4;
    for salt in (0..300).map(|number| format!("salt {number}")) {
        let place = bucket(&salt, id);
        let [from, to] =
            [place, place + 1].map(|place| format!("{}.{:02}", place / 100, place % 100));
        let is_in = |from: &str, to: &str| {
            let rule = share(&salt, from, to);
            assert!(parse_rule(&rule).is_ok(), "{rule}");
            let found = super::find(&people, &rule);
            found.contains(&"ann".to_owned())
        };
        assert!(is_in(&from, &to), "{salt}: {from} to {to}");
        assert!(is_in(&from, "100"), "{salt}: from {from}");
        assert!(is_in("0", &to), "{salt}: to {to}");
        assert!(place == 9_999 || !is_in(&to, "100.0"), "{salt}: from {to}");
        assert!(place == 0 || !is_in("0.0", &from), "{salt}: to {from}");
    }
}

#[test]
fn a_share_is_about_as_large_as_it_says() {
    let names: Vec<String> = (0..4_000).map(|number| number.to_string()).collect();
    let people = audience(NOON, &names.join(" | "), |_| nobody());
    for salt in ["a", "b"] {
        let found = super::find(&people, &share(salt, "20", "45")).len();
        assert!((900..1_100).contains(&found), "{found} of 4,001");
    }
}
