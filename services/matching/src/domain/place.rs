//! Places are outward codes: the part of a postcode before the space. No address is known here, and what is shown of a
//! distance before consent is a band.

use std::fmt;
use std::sync::LazyLock;

/// Every outward code of the United Kingdom; see `data/README.md` for where it comes from.
const TABLE: &str = include_str!("../../data/uk_outward_codes.csv");

/// Mean radius of the Earth (IUGG R1), in metres.
const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// What stands where somebody's place stood before it was erased: the pseudo-code for no fixed abode, and far from
/// everywhere.
const ERASED: &str = "ZZ99";

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places: Vec<Place> = TABLE.lines().skip(1).filter_map(read_place).collect();
    places.push(Place { code: ERASED, latitude_degrees: 0.0, longitude_degrees: 0.0 });
    places.sort_unstable_by_key(|place| place.code);
    places
});

/// One line of the table.
struct Place {
    code: &'static str,
    latitude_degrees: f64,
    longitude_degrees: f64,
}

/// Reads `outward_code,latitude,longitude,postcodes`. A test holds that no line is left out.
fn read_place(line: &'static str) -> Option<Place> {
    let mut fields = line.split(',');
    let code = fields.next()?;
    let latitude_degrees = fields.next()?.parse().ok()?;
    let longitude_degrees = fields.next()?.parse().ok()?;
    Some(Place { code, latitude_degrees, longitude_degrees })
}

/// A known outward code, such as `E5` or `SW1A`: its row in the sorted table, so that it orders like its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutwardCode(usize);

impl OutwardCode {
    /// Reads what somebody typed; the error says what is wrong and what would be right, without repeating it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let code = text.trim().to_ascii_uppercase();
        if code.is_empty() {
            return Err("is missing; give the part of the postcode before the space, such as E5");
        }
        if is_full_postcode(&code) {
            return Err("is a whole postcode; give only the part before the space, such as E5");
        }
        if !has_outward_form(&code) {
            return Err("is not an outward code; give the part of the postcode before the space, such as E5");
        }
        let used = Self::known(&code).filter(|_| code != ERASED);
        used.ok_or("is not an outward code that is in use in the United Kingdom")
    }

    /// Reads what was kept: a code, or what stands for one that was erased.
    pub fn kept(text: &str) -> Result<Self, &'static str> {
        if text == ERASED { Self::known(text).ok_or("is missing") } else { Self::parse(text) }
    }

    /// Finds exactly this code.
    fn known(code: &str) -> Option<Self> {
        PLACES.binary_search_by_key(&code, |place| place.code).ok().map(Self)
    }

    /// As written on an envelope.
    pub fn as_str(self) -> &'static str {
        PLACES[self.0].code
    }

    /// Great-circle distance between the middles of the two areas, rounded to the metre.
    pub fn metres_to(self, other: Self) -> u32 {
        let (here, there) = (&PLACES[self.0], &PLACES[other.0]);
        let here_latitude = here.latitude_degrees.to_radians();
        let there_latitude = there.latitude_degrees.to_radians();
        let half_latitude = (there_latitude - here_latitude) / 2.0;
        let half_longitude = (there.longitude_degrees - here.longitude_degrees).to_radians() / 2.0;
        // The haversine form keeps its precision where two places are near one another.
        let haversine = half_latitude.sin().powi(2)
            + here_latitude.cos() * there_latitude.cos() * half_longitude.sin().powi(2);
        let metres = (2.0 * EARTH_RADIUS_METRES * haversine.sqrt().min(1.0).asin()).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and half the Earth's girth, some 20 million"
        )]
        let metres = metres as u32;
        metres
    }

    /// All known codes at most so far away, this one included, in the order of their text.
    pub fn within(self, radius_km: u32) -> Vec<Self> {
        let radius_metres = radius_km.saturating_mul(1000);
        (0..PLACES.len()).map(Self).filter(|place| self.metres_to(*place) <= radius_metres).collect()
    }
}

impl fmt::Debug for OutwardCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OutwardCode({})", self.as_str())
    }
}

impl fmt::Display for OutwardCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One or two letters, then a digit, then nothing or one more digit or letter.
fn has_outward_form(code: &str) -> bool {
    let letters = code.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = &code.as_bytes()[letters..];
    let rest_fits = match rest {
        [digit] => digit.is_ascii_digit(),
        [digit, last] => digit.is_ascii_digit() && last.is_ascii_alphanumeric(),
        _ => false,
    };
    (1..=2).contains(&letters) && rest_fits
}

/// Whether an outward form is followed by a digit and two letters, with or without the space.
fn is_full_postcode(code: &str) -> bool {
    let bytes: Vec<u8> = code.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let Some((outward, [digit, first, second])) = bytes.split_last_chunk::<3>() else { return false };
    let inward = digit.is_ascii_digit() && first.is_ascii_uppercase() && second.is_ascii_uppercase();
    inward && str::from_utf8(outward).is_ok_and(has_outward_form)
}

/// How far away, as roughly as it may be told before consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DistanceBand {
    /// Less than 2 km.
    UnderTwo,
    /// From 2 to less than 5 km.
    TwoToFive,
    /// From 5 to less than 10 km.
    FiveToTen,
    /// From 10 to less than 25 km.
    TenToTwentyFive,
    /// 25 km or more.
    TwentyFiveOrMore,
}

impl DistanceBand {
    /// The band of a distance.
    pub fn of_metres(metres: u32) -> Self {
        match metres {
            0..2_000 => Self::UnderTwo,
            2_000..5_000 => Self::TwoToFive,
            5_000..10_000 => Self::FiveToTen,
            10_000..25_000 => Self::TenToTwentyFive,
            _ => Self::TwentyFiveOrMore,
        }
    }

    /// The words of the contract.
    pub fn words(self) -> &'static str {
        match self {
            Self::UnderTwo => "under 2 km",
            Self::TwoToFive => "2 to 5 km",
            Self::FiveToTen => "5 to 10 km",
            Self::TenToTwentyFive => "10 to 25 km",
            Self::TwentyFiveOrMore => "25 km or more",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(code: &str) -> OutwardCode {
        OutwardCode::parse(code).expect("a known code")
    }

    #[test]
    fn an_erased_place_is_read_back_is_near_nobody_and_cannot_be_typed() {
        let erased = OutwardCode::kept(ERASED).expect("what was kept");
        assert_eq!(erased.as_str(), ERASED);
        assert!(OutwardCode::parse(ERASED).is_err());
        assert_eq!(erased.within(100), [erased]);
        assert!(!place("TR21").within(100).contains(&erased), "not even from the Isles of Scilly");
    }

    #[test]
    fn the_whole_table_is_read_and_sorted_without_repetition() {
        let (erased, known) = PLACES.split_last().expect("places");
        assert_eq!(erased.code, ERASED);
        assert_eq!(known.len(), TABLE.lines().count() - 1);
        assert!(known.len() > 3_000);
        assert!(PLACES.is_sorted_by(|first, second| first.code < second.code));
        for known in known {
            assert!(has_outward_form(known.code), "{}", known.code);
            assert!((49.0..61.5).contains(&known.latitude_degrees), "{}", known.code);
            assert!((-9.0..2.0).contains(&known.longitude_degrees), "{}", known.code);
        }
    }

    #[test]
    fn reads_what_people_type_and_says_what_is_wrong() {
        assert_eq!(place(" e5 ").as_str(), "E5");
        assert_eq!(place("ec1a").as_str(), "EC1A");
        assert!(OutwardCode::parse("  ").expect_err("empty").contains("missing"));
        for whole in ["E5 8AB", "e58ab", "EC1A 1BB", "EC1A1BB"] {
            assert!(OutwardCode::parse(whole).expect_err(whole).contains("whole postcode"), "{whole}");
        }
        for wrong in ["5E", "E", "E555", "HACKNEY", "E-5", "É5", "E 5"] {
            assert!(
                OutwardCode::parse(wrong).expect_err(wrong).contains("is not an outward code;"),
                "{wrong}"
            );
        }
        assert!(OutwardCode::parse("ZZ9").expect_err("unknown").contains("in use"));
    }

    #[test]
    fn distances_are_those_on_the_map() {
        // Worked out by hand from the table's coordinates: 0.00510 degrees of latitude are 567 m, 0.02220 degrees of
        // longitude at 51.56 degrees north are 1,534 m.
        let near = place("E5").metres_to(place("N16"));
        assert!((1_625..1_650).contains(&near), "{near}");
        // London to Bradford is some 280 km as the crow flies.
        let far = place("EC1A").metres_to(place("BD1"));
        assert!((270_000..290_000).contains(&far), "{far}");
    }

    #[test]
    fn the_bands_meet_without_gap_or_overlap() {
        let edges = [
            (0, "under 2 km"),
            (1_999, "under 2 km"),
            (2_000, "2 to 5 km"),
            (4_999, "2 to 5 km"),
            (5_000, "5 to 10 km"),
            (9_999, "5 to 10 km"),
            (10_000, "10 to 25 km"),
            (24_999, "10 to 25 km"),
            (25_000, "25 km or more"),
            (u32::MAX, "25 km or more"),
        ];
        for (metres, words) in edges {
            assert_eq!(DistanceBand::of_metres(metres).words(), words, "{metres} m");
        }
    }

    fn any_place() -> impl Strategy<Value = OutwardCode> {
        // Without the last: what stands for an erased place is typed by nobody.
        (0..PLACES.len() - 1).prop_map(OutwardCode)
    }

    proptest! {
        #[test]
        fn distance_is_a_metric(first in any_place(), second in any_place(), third in any_place()) {
            prop_assert_eq!(first.metres_to(first), 0);
            prop_assert_eq!(first.metres_to(second), second.metres_to(first));
            // One metre a leg for rounding.
            prop_assert!(first.metres_to(third) <= first.metres_to(second) + second.metres_to(third) + 2);
        }

        #[test]
        fn every_code_reads_back_and_is_within_its_own_reach(place in any_place(), radius_km in 1_u32..100) {
            prop_assert_eq!(OutwardCode::parse(&place.as_str().to_lowercase()), Ok(place));
            let within = place.within(radius_km);
            prop_assert!(within.contains(&place));
            prop_assert!(within.iter().all(|other| place.metres_to(*other) <= radius_km * 1000));
        }

        #[test]
        fn whatever_is_typed_is_answered(text in "\\PC{0,12}") {
            if let Ok(place) = OutwardCode::parse(&text) {
                prop_assert_eq!(place.as_str(), text.trim().to_ascii_uppercase());
            }
        }
    }
}
