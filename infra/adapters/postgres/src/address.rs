//! Where the database is, and how a connection to it is secured.

use std::{fmt, io, path::PathBuf, str::FromStr, sync::Arc};

use dormouse_core::{Error, Result};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::Failure;

/// What a URL says.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    /// Whom to trust, instead of whom the system trusts.
    roots: Option<PathBuf>,
}

impl Address {
    /// Reads a URL as libpq does, with two differences: where TLS is used the server's certificate is
    /// always verified, and where nothing is said of TLS it is used unless the server is on this machine.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match form_urlencoded::parse(pair.as_bytes()).next() {
                Some((name, value)) if name == "sslmode" => mode = Some(ssl_mode(&value)?),
                Some((name, value)) if name == "sslrootcert" => {
                    roots = Some(PathBuf::from(value.into_owned()));
                }
                _ => others.push(pair),
            }
        }
        // What is wrong may quote the URL, which may hold a password.
        let mut config = Config::from_str(&format!("{base}?{}", others.join("&")))
            .map_err(|_| Error::invalid("url", "is not the URL of a PostgreSQL database"))?;
        if config.get_hosts().is_empty() {
            return Err(Error::invalid("url", "names no host"));
        }
        let mode = mode.unwrap_or(if config.get_hosts().iter().all(is_here) {
            SslMode::Disable
        } else {
            SslMode::Require
        });
        config.ssl_mode(mode);
        if config.get_application_name().is_none() {
            config.application_name("dormouse");
        }
        Ok(Self { config, roots })
    }

    /// What makes connections secure. It reads the certificates of those who are trusted.
    pub(crate) fn tls(&self) -> Result<MakeRustlsConnect, Failure> {
        let mut roots = RootCertStore::empty();
        if self.config.get_ssl_mode() != SslMode::Disable {
            for certificate in self.trusted()? {
                roots.add(certificate).map_err(Failure::unusable)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Failure::unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        match &self.roots {
            Some(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(Failure::unusable),
            None => {
                let found = rustls_native_certs::load_native_certs();
                match found.errors.into_iter().next() {
                    Some(error) if found.certs.is_empty() => Err(Failure::unusable(error)),
                    _ if found.certs.is_empty() => {
                        let missing = io::Error::other("this system trusts no certificate");
                        Err(Failure::unusable(missing))
                    }
                    // One that cannot be read must not spoil the others.
                    _ => Ok(found.certs),
                }
            }
        }
    }
}

/// Neither user nor password: they are nobody's business.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("hosts", &self.config.get_hosts())
            .field("ports", &self.config.get_ports())
            .field("database", &self.config.get_dbname())
            .finish_non_exhaustive()
    }
}

fn ssl_mode(text: &str) -> Result<SslMode> {
    match text {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(Error::invalid("url", "has an `sslmode` other than disable, prefer and require")),
    }
}

/// Whether bytes to a host stay on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://me@127.0.0.1/db", SslMode::Disable),
            ("postgres://me@localhost:5433/db", SslMode::Disable),
            ("postgres://me@[::1]/db", SslMode::Disable),
            ("postgresql:///db?host=/run/postgresql", SslMode::Disable),
            ("postgres://me@db.example/db", SslMode::Require),
            ("postgres://me@127.0.0.1,db.example/db", SslMode::Require),
            ("postgres://me@db.example/db?sslmode=disable", SslMode::Disable),
            ("postgres://me@db.example/db?sslmode=prefer", SslMode::Prefer),
            ("postgres://me@127.0.0.1/db?connect_timeout=1&sslmode=verify-full", SslMode::Require),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.config.get_ssl_mode(), mode, "{url}");
        }
        let address = Address::parse("postgres://h/db?sslrootcert=%2Fetc%2Fca.pem").expect("a URL");
        assert_eq!(address.roots, Some(PathBuf::from("/etc/ca.pem")));
    }

    #[test]
    fn what_is_wrong_with_a_url_does_not_quote_it_and_nothing_shows_a_password() {
        for url in [
            "postgres://me:secret@host:nonsense/db",
            "postgres://me:secret@host/db?sslmode=secret",
            "postgres://me:secret@host/db?secret=1",
            "secret",
        ] {
            let error = Address::parse(url).expect_err("no URL of a database");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
        let address = Address::parse("postgres://me:secret@host/db").expect("a URL");
        assert!(!format!("{address:?}").contains("secret"), "{address:?}");
    }
}
