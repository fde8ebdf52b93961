//! Distances on the earth.

use arrow_array::{Array, Float64Array};
use arrow_buffer::BooleanBuffer;

/// The mean radius of the earth (IUGG), in kilometres.
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// A circle on the earth: the places that are not farther than a radius from its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    latitude: f64,
    longitude: f64,
    radius_km: f64,
    /// A place that is farther north or south than this many degrees is not in the circle. Includes a margin for
    /// rounding.
    latitude_span: f64,
}

impl Circle {
    /// Makes a circle around a place in degrees.
    pub fn new(latitude: f64, longitude: f64, radius_km: f64) -> Circle {
        Circle {
            latitude,
            longitude,
            radius_km,
            latitude_span: (radius_km / EARTH_RADIUS_KM).to_degrees() + 1e-6,
        }
    }

    /// Returns the distance of a place from the centre along the great circle, in kilometres: the haversine formula.
    pub fn distance_km(&self, latitude: f64, longitude: f64) -> f64 {
        let half_north = (latitude - self.latitude).to_radians() / 2.0;
        let half_east = (longitude - self.longitude).to_radians() / 2.0;
        let (south, north) = (self.latitude.to_radians(), latitude.to_radians());
        let haversine =
            half_north.sin().powi(2) + south.cos() * north.cos() * half_east.sin().powi(2);
        2.0 * EARTH_RADIUS_KM * haversine.sqrt().min(1.0).asin()
    }

    /// Returns which places are in the circle.
    pub fn evaluate(&self, latitudes: &Float64Array, longitudes: &Float64Array) -> BooleanBuffer {
        BooleanBuffer::collect_bool(latitudes.len(), |row| {
            if latitudes.is_null(row) || longitudes.is_null(row) {
                return false;
            }
            let latitude = latitudes.value(row);
            (latitude - self.latitude).abs() <= self.latitude_span
                && self.distance_km(latitude, longitudes.value(row)) <= self.radius_km
        })
    }
}
