//! Who comes to an address that is served is refused with 71, however many cores serve it: the kernel would split the
//! clients between the two.

use crate::{anywhere, plan, serve};
use service::exit;

fn check(first_cores: u16, second_cores: u16) {
    let first = plan(first_cores, anywhere());
    let told = |bound| {
        let second = plan(second_cores, bound);
        let refused = serve(&second, |_| panic!("both serve {bound}")).unwrap_err();
        assert_eq!(refused.code(), exit::ENVIRONMENT, "{refused}");
        let text = refused.to_string();
        assert!(text.contains(&bound.to_string()) && text.contains("in use"), "{text}");
        first.shutdown.stop();
    };
    serve(&first, told).unwrap();
}

#[test]
fn a_served_address_is_refused() {
    check(1, 1);
    check(2, 1);
    check(1, 2);
    check(3, 3);
}
