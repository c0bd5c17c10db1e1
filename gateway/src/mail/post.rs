//! One mail handed to the mail server.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{self, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use store::mails::Mail;

use super::{Security, Settings};

/// The way to the mail server.
#[derive(Debug)]
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail that the mail server did not take. What it says may name the person: it is not kept.
#[derive(Debug)]
pub(super) struct Failed {
    /// Whether it never will.
    pub(super) for_good: bool,
    why: &'static str,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

/// Says that no person wrote it, so that nobody's absence answers it (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// Prepares the way; nobody is called yet.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let host = settings.host.as_str();
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
        let builder = match settings.security {
            Security::Tls => builder
                .port(SUBMISSIONS_PORT)
                .tls(Tls::Wrapper(parameters(settings)?)),
            Security::Starttls => builder
                .port(SUBMISSION_PORT)
                .tls(Tls::Required(parameters(settings)?)),
            Security::None => builder,
        };
        let mut builder = builder.timeout(Some(Duration::from_secs(settings.timeout_s)));
        if let Some(port) = settings.port {
            builder = builder.port(port);
        }
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            builder = builder.credentials(credentials);
        }
        Ok(Self {
            transport: builder.build(),
            from: settings.from.parse()?,
        })
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, mail: &Mail, to: &str, now: Timestamp) -> Result<(), Failed> {
        let failed = |for_good, why| Failed { for_good, why };
        let Ok(address) = to.parse() else {
            return Err(failed(true, "the address is none"));
        };
        let since = u64::try_from(now.as_second()).unwrap_or_default();
        let name = format!("<{}@{}>", mail.id, self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(&mail.title)
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(since))
            .message_id(Some(name))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body.clone());
        let message = message.map_err(|_| failed(true, "the mail cannot be written"))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if is_of_account(&error) => {
                let why = "it refuses the account: see smtp.user and smtp.password";
                Err(failed(false, why))
            }
            Err(error) if error.is_permanent() => Err(failed(true, "refused for good")),
            Err(error) if error.is_transient() => Err(failed(false, "refused for now")),
            Err(error) if error.is_timeout() => Err(failed(false, "no answer in time")),
            Err(error) => Err(failed(false, distrusted(&error).unwrap_or("out of reach"))),
        }
    }
}

/// Reads certificates of authorities, or says in French why there are none.
pub(super) fn authorities(file: &Path) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(file).map_err(|error| format!("{} : {error}", file.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    if found.is_ok_and(|found| !found.is_empty()) {
        return Ok(pem);
    }
    Err(format!(
        "{} : il faut un ou plusieurs certificats d'autorités, en PEM",
        file.display()
    ))
}

/// Says whom a mail server must prove to be, and by whom.
fn parameters(settings: &Settings) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(file) = &settings.ca_file {
        let pem = authorities(file).map_err(anyhow::Error::msg)?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    Ok(builder.build()?)
}

/// Returns whether it is our account that is refused (RFC 4954 §6): the next mail would be too, and none of
/// them is at fault.
fn is_of_account(error: &smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    code.is_some_and(|code| [530, 534, 535, 538].contains(&code))
}

/// Says why the way there is not the one that is set.
fn distrusted(error: &smtp::Error) -> Option<&'static str> {
    if error.is_client() {
        return Some("it offers no STARTTLS, or no way to sign in that we know");
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        let inner = one.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(|io| io.get_ref()?.downcast_ref());
        match one.downcast_ref().or(inner) {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => return Some("its certificate is another's than smtp.host"),
            Some(rustls::Error::InvalidCertificate(_)) => {
                return Some("its certificate is not trusted: see smtp.ca_file");
            }
            Some(_) => return Some("no TLS"),
            None => cause = one.source(),
        }
    }
    None
}
