//! How instruments are written in SQL.

use kith_platform::words;

use crate::domain::round::Instrument;

words!(instrument_word, instrument, Instrument, "round", {
    Instrument::Swemwbs => "swemwbs",
});
