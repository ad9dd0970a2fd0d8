//! How kinds of others are written in SQL.

use kith_platform::words;

use crate::domain::representative::Basis;

words!(basis_word, basis, Basis, "known_representative", {
    Basis::Nomination => "nomination",
    Basis::AttorneyHealthAndWelfare => "attorney_health_and_welfare",
    Basis::AttorneyProperty => "attorney_property",
    Basis::Deputyship => "deputyship",
    Basis::Guardian => "guardian",
});
