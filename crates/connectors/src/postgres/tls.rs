//! TLS to a target, as libpq's `sslmode` means it.

use super::way::{TlsMode, Way};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a connection is to be secured; none when it is not to be.
///
/// # Errors
/// A sentence, when the authorities to trust cannot be read.
pub(crate) fn connector(way: &Way) -> Result<Option<MakeRustlsConnect>, String> {
    let name_check = match way.tls() {
        TlsMode::Disable => return Ok(None),
        TlsMode::Prefer | TlsMode::Require => None,
        TlsMode::VerifyCa => Some(NameCheck::Skipped),
        TlsMode::VerifyFull => Some(NameCheck::Done),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let authority = match name_check {
        None => None,
        Some(check) => Some((verifier(way, &provider)?, check)),
    };
    let verifier = Arc::new(Verifier { authority, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn verifier(way: &Way, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    match way.roots() {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path).map_err(|e| format!("sslrootcert: {e}"))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| format!("sslrootcert: {e}"))?;
                roots.add(certificate).map_err(|e| format!("sslrootcert: {e}"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|e| format!("no authority is trusted ({e}): give sslrootcert=FILE"))
}

/// Whether a certificate must be for the host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameCheck {
    Done,
    Skipped,
}

/// Checks what the mode asks for. `require` and `prefer` take any certificate, as libpq does; the
/// handshake's own signature is checked in every mode.
#[derive(Debug)]
struct Verifier {
    authority: Option<(Arc<WebPkiServerVerifier>, NameCheck)>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some((authority, check)) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        let verified = authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match (verified, check) {
            (
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
                NameCheck::Skipped,
            ) => Ok(ServerCertVerified::assertion()),
            (verified, NameCheck::Done | NameCheck::Skipped) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
