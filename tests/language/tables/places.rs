//! Locations: circles around places, at the poles and over the date line.
//!
//! A degree along a great circle is 111.19508 km on a sphere with a radius of 6,371.0088 km, and half way around it
//! are 20,015.1144 km.

use super::{NOON, audience, check, nobody, parse};
use crate::naive::Person;
use serde_json::{Value, json};

/// Somebody at a place, degrees north and east.
fn at(place: &str) -> Person {
    let (north, east) = place.split_once(' ').expect("two numbers");
    Person {
        place: Some((parse(north), parse(east))),
        ..nobody()
    }
}

fn within(latitude: f64, longitude: f64, radius_km: f64) -> Value {
    json!({"location": {"within": {
        "latitude": latitude, "longitude": longitude, "radiusKm": radius_km,
    }}})
}

#[test]
fn circles_around_places() {
    let cities = "54.6872 25.2797 | 54.8985 23.9036 | 40.7128 -74.006 | -54.6872 -154.7203";
    let people = audience(NOON, cities, at);
    // From Vilnius to Kaunas are 91 km, to New York 6,900 km, to the opposite place half way around the earth.
    for (radius, expected) in [
        (0.001, "54.6872 25.2797"),
        (90.0, "54.6872 25.2797"),
        (92.0, "54.6872 25.2797 | 54.8985 23.9036"),
        (
            7_000.0,
            "54.6872 25.2797 | 54.8985 23.9036 | 40.7128 -74.006",
        ),
        (
            20_015.1,
            "54.6872 25.2797 | 54.8985 23.9036 | 40.7128 -74.006",
        ),
        (20_015.2, cities),
        (20_038.0, cities),
    ] {
        check(&people, within(54.6872, 25.2797, radius), expected);
    }
    check(&people, json!({"location": {"isSet": true}}), cities);
    check(&people, json!({"location": {"isSet": false}}), "none");
    check(
        &people,
        json!({"not": within(54.6872, 25.2797, 92.0)}),
        "none | 40.7128 -74.006 | -54.6872 -154.7203",
    );
}

#[test]
fn a_degree_is_as_long_in_every_direction_on_the_equator() {
    let people = audience(NOON, "1 0 | -1 0 | 0 1 | 0 -1", at);
    check(&people, within(0.0, 0.0, 111.195), "");
    check(
        &people,
        within(0.0, 0.0, 111.1951),
        "1 0 | -1 0 | 0 1 | 0 -1",
    );
    check(
        &people,
        within(-0.0, -0.0, 111.1951),
        "1 0 | -1 0 | 0 1 | 0 -1",
    );
    // Sixty degrees north it is half as long from west to east.
    let people = audience(NOON, "60 1 | 61 0", at);
    check(&people, within(60.0, 0.0, 56.0), "60 1");
}

#[test]
fn the_date_line_divides_nothing() {
    let people = audience(NOON, "0 179.5 | 0 -179.5 | 0 180 | 0 -180 | 0 178", at);
    check(
        &people,
        within(0.0, 180.0, 56.0),
        "0 179.5 | 0 -179.5 | 0 180 | 0 -180",
    );
    check(
        &people,
        within(0.0, -180.0, 56.0),
        "0 179.5 | 0 -179.5 | 0 180 | 0 -180",
    );
    check(
        &people,
        within(0.0, 179.5, 111.1),
        "0 179.5 | 0 180 | 0 -180",
    );
    check(
        &people,
        within(0.0, 179.5, 111.2),
        "0 179.5 | 0 -179.5 | 0 180 | 0 -180",
    );
}

#[test]
fn every_meridian_meets_at_the_poles() {
    let people = audience(NOON, "90 0 | 90 137 | 89 0 | 89 180 | -90 45", at);
    check(&people, within(90.0, -60.0, 1.0), "90 0 | 90 137");
    check(
        &people,
        within(90.0, 0.0, 111.2),
        "90 0 | 90 137 | 89 0 | 89 180",
    );
    // Over the pole it is two degrees.
    check(&people, within(89.0, 0.0, 222.3), "90 0 | 90 137 | 89 0");
    check(
        &people,
        within(89.0, 0.0, 222.4),
        "90 0 | 90 137 | 89 0 | 89 180",
    );
    check(&people, within(-90.0, 0.0, 1.0), "-90 45");
}
