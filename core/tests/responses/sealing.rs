//! What is sealed comes back as it was, to its tenant alone.

use std::sync::Arc;

use dormouse_core::{
    chat::{Dialect, Signature},
    memory::MemoryRecords,
    seal::{Seal, Seals, Thoughts, is_sealed},
};
use dormouse_testkit::fakes::TestHost;
use futures::FutureExt;
use proptest::{prelude::*, sample::Index};

fn thoughts(text: &str) -> Thoughts {
    let id = Some("rs_1".to_owned());
    let signature = Signature { dialect: Dialect::Anthropic, text: "proof".into(), id };
    Thoughts { text: text.into(), signature: Some(signature), redacted: false }
}

fn seal() -> Seal {
    Seal::from_secret(b"a secret that is long enough for it")
}

proptest! {
    #[test]
    fn what_is_sealed_can_be_opened_by_its_tenant_alone(text in ".{0,40}", tenant in "[a-z]{1,8}") {
        let sealed = seal().seal(&tenant, &thoughts(&text)).expect("sealed");
        prop_assert!(is_sealed(&sealed));
        prop_assert_eq!(seal().open(&tenant, &sealed), Some(thoughts(&text)));
        prop_assert_eq!(seal().open("other tenant", &sealed), None);
        prop_assert_eq!(Seal::from_secret(b"another secret").open(&tenant, &sealed), None);
    }

    #[test]
    fn a_change_of_any_byte_is_noticed(at in any::<Index>(), byte in "[A-Za-z0-9_-]") {
        let sealed = seal().seal("acme", &thoughts("Hm")).expect("sealed");
        let at = at.index(sealed.len());
        let changed = format!("{}{byte}{}", &sealed[..at], &sealed[at + 1..]);
        prop_assert!(changed == sealed || seal().open("acme", &changed).is_none());
    }

    #[test]
    fn anything_else_does_not_open(text in ".{0,80}") {
        prop_assert_eq!(seal().open("acme", &text), None);
        let begun = format!("dm-sealed-1.{text}");
        prop_assert_eq!(seal().open("acme", &begun), None);
    }
}

#[test]
fn the_same_thoughts_give_the_same_text_and_say_nothing_of_themselves() {
    let one = seal().seal("acme", &thoughts("a plan")).expect("sealed");
    assert_eq!(one, seal().seal("acme", &thoughts("a plan")).expect("sealed"));
    assert_ne!(one, seal().seal("acme", &thoughts("a plot")).expect("sealed"));
    assert_ne!(one, seal().seal("bolt", &thoughts("a plan")).expect("sealed"));
    assert_eq!(format!("{:?}", seal()), "Seal(…)");
}

#[test]
fn gateways_of_one_store_have_one_seal() {
    let host = Arc::new(TestHost::new());
    let records = Arc::new(MemoryRecords::new(host.clone()));
    let of = |seals: Seals| seals.get().now_or_never().expect("at once").expect("a seal");
    let one = of(Seals::new(records.clone(), host.clone(), None));
    let two = of(Seals::new(records.clone(), host.clone(), None));
    assert!(one == two);
    let other = Arc::new(MemoryRecords::new(host.clone()));
    assert!(one != of(Seals::new(other, host, None)));
}
