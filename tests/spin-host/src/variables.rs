//! `spin:variables`: what the command line said.

use wasmtime::component::{Accessor, HasSelf};

use crate::{
    bindings::variables::{Error, Host, HostWithStore},
    guest::Guest,
};

impl Host for Guest {}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn get(accessor: &Accessor<Guest, Self>, name: String) -> Result<String, Error> {
        accessor
            .with(|mut access| access.get().outside.variables.get(&name).cloned())
            .ok_or(Error::Undefined(name))
    }
}
