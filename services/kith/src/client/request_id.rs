//! Ids made from content: asking for the same again is known as the same.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid, Variant, Version};

use super::calls::{Call, method_of};

/// Gives a request that changes state its id, made from who asks for what.
pub(super) fn fill_in<R: Call>(request: &mut R, who: &str, nonce: Option<u64>) {
    let content = request.encode_to_vec();
    let path = method_of::<R>().path;
    if let Some(id) = request.request_id()
        && id.is_empty()
    {
        let nonce = nonce.unwrap_or_default().to_be_bytes();
        *id = uuid_of(&[path.as_bytes(), who.as_bytes(), &nonce, &content]).to_string();
    }
}

/// A UUID of version 8 from these parts.
pub fn uuid_of(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_bytes(bytes).with_variant(Variant::RFC4122).with_version(Version::Custom).into_uuid()
}

#[cfg(test)]
mod tests {
    use kith_proto::identity::v1::{InvitePersonRequest, ListPeopleRequest};

    use super::*;

    fn id(display_name: &str, who: &str, nonce: Option<u64>) -> String {
        let display_name = display_name.to_owned();
        let mut request = InvitePersonRequest { display_name, ..InvitePersonRequest::default() };
        fill_in(&mut request, who, nonce);
        request.request_id
    }

    #[test]
    fn the_same_request_of_the_same_person_has_the_same_id() {
        let first = id("Giver One", "one@x.example", None);
        assert_eq!(first, id("Giver One", "one@x.example", None));
        assert_ne!(first, id("Giver Two", "one@x.example", None));
        assert_ne!(first, id("Giver One", "two@x.example", None));
        assert_ne!(first, id("Giver One", "one@x.example", Some(1)));
        let parsed = Uuid::parse_str(&first).expect("a UUID");
        assert_eq!((parsed.get_version_num(), parsed.get_variant()), (8, Variant::RFC4122));
    }

    #[test]
    fn a_request_keeps_the_id_it_has_and_one_that_changes_nothing_needs_none() {
        let mut request =
            InvitePersonRequest { request_id: "mine".to_owned(), ..InvitePersonRequest::default() };
        fill_in(&mut request, "one@x.example", None);
        assert_eq!(request.request_id, "mine");
        let mut list = ListPeopleRequest::default();
        fill_in(&mut list, "one@x.example", None);
        assert_eq!(list, ListPeopleRequest::default());
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(uuid_of(&[b"ab", b"c"]), uuid_of(&[b"a", b"bc"]));
    }
}
