//! Authorizations of buckets and servers of files: what belongs together, and by which key a server is known. Pure.

use raccord_model::diagnostic::{Code, Finding};
use raccord_model::language::authorization::{Azure, S3, Sftp};

use super::super::exactly_one;

const HERE: [&str; 0] = [];
/// How long the text of a fingerprint is: SHA-256 in Base64 without padding.
const FINGERPRINT: usize = 43;

pub(super) fn check_s3(s3: &S3) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_endpoint(s3.endpoint.as_deref()).into_iter().collect();
    if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
        let message = "`accessKeyId` and `secretAccessKey` stand together, or neither does";
        let help = "without both, the keys of the environment or of the instance's role are taken";
        findings.push(Finding::error(&HERE, Code::ConflictingFields, message).help(help));
    }
    if s3.session_token.is_some() && s3.access_key_id.is_none() {
        let message = "`sessionToken` needs the keys that it belongs to";
        findings.push(Finding::error(&["sessionToken"], Code::ConflictingFields, message));
    }
    findings
}

pub(super) fn check_azure(azure: &Azure) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_endpoint(azure.endpoint.as_deref()).into_iter().collect();
    if azure.access_key.is_some() && azure.account.is_none() {
        let message = "`accessKey` needs the `account` that it belongs to";
        findings.push(Finding::error(&["accessKey"], Code::ConflictingFields, message));
    }
    findings
}

fn check_endpoint(endpoint: Option<&str>) -> Option<Finding> {
    let is_url = endpoint.is_none_or(|url| url.starts_with("https://") || url.starts_with("http://"));
    (!is_url).then(|| Finding::error(&["endpoint"], Code::InvalidValue, "an endpoint is a URL: https://HOST"))
}

pub(super) fn check_sftp(sftp: &Sftp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ways = [("password", sftp.password.is_some()), ("privateKey", sftp.private_key.is_some())];
    if let Err(message) = exactly_one(&ways) {
        let help = "write password: \"${env:NAME}\", or privateKey: \"${file:PATH}\"";
        findings.push(Finding::error(&HERE, Code::ConflictingFields, message).help(help));
    }
    if sftp.passphrase.is_some() && sftp.private_key.is_none() {
        let message = "`passphrase` opens a `privateKey`, which does not stand here";
        findings.push(Finding::error(&["passphrase"], Code::ConflictingFields, message));
    }
    if sftp.host_keys.is_empty() && sftp.known_hosts.is_none() {
        let message = "nothing says by which key the server is known";
        let help = "ask its operator for the fingerprint and write hostKeys: [\"SHA256:…\"], or name a file: knownHosts: PATH";
        findings.push(Finding::error(&HERE, Code::MissingField, message).help(help));
    }
    for (at, fingerprint) in sftp.host_keys.iter().enumerate() {
        let is_one = fingerprint.strip_prefix("SHA256:").is_some_and(|rest| rest.len() == FINGERPRINT);
        if !is_one {
            let message =
                format!("`{fingerprint}` is no fingerprint, which is SHA256: and {FINGERPRINT} characters");
            let help = "`ssh-keygen -lf FILE` shows that of a key";
            let path = ["hostKeys".to_owned(), at.to_string()];
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            findings.push(Finding::error(&path, Code::InvalidValue, message).help(help));
        }
    }
    findings
}
