//! One mail handed to the mail server.

use std::fmt;
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
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
        let builder = match settings.security {
            Security::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host)?,
            Security::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host)?,
            Security::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host),
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
            Err(error) if error.is_permanent() => Err(failed(true, "refused for good")),
            Err(error) if error.is_transient() => Err(failed(false, "refused for now")),
            Err(error) if error.is_timeout() => Err(failed(false, "no answer in time")),
            Err(error) if error.is_tls() => Err(failed(false, "no TLS")),
            Err(_) => Err(failed(false, "out of reach, or without STARTTLS")),
        }
    }
}
