//! Files on a server of SFTP: OpenSSH's own, run by the user of the tests. A password is only ever refused by it, for it asks
//! the system for that.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use raccord_model::language::FileSettings;
use raccord_model::port::records::Page;
use raccord_model::port::source::{Read, Source, SourceError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::files::content;
use crate::servers::{Started, free_port, start};
use crate::service::{SECRET, read_all, read_pages, source};

/// A server with a key of its own and one user.
struct Server {
    home: TempDir,
    port: u16,
    fingerprint: String,
    _process: Started,
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(content.as_ref()).unwrap();
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a key; its fingerprint.
fn key(path: &Path, kind: &str, passphrase: &str) -> String {
    output(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(path));
    let line = output(Command::new("ssh-keygen").arg("-lf").arg(path));
    line.split_whitespace().nth(1).unwrap().to_owned()
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let fingerprint = key(&at("host"), "ed25519", "");
        key(&at("user"), "ed25519", "");
        key(&at("locked"), "rsa", SECRET);
        let keys = ["user.pub", "locked.pub"].map(|name| fs::read_to_string(at(name)).unwrap());
        write(&at("authorized"), keys.concat());
        let port = free_port();
        write(
            &at("config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nPidFile none\nStrictModes no\nUsePAM no\n\
                 AuthorizedKeysFile {0}/authorized\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n\
                 ForceCommand internal-sftp\n",
                home.path().display()
            ),
        );
        // As root the server wants this folder; as another user it does not.
        drop(fs::create_dir_all("/run/sshd"));
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(at("config"));
        let server = start(command.stdout(Stdio::null()).stderr(Stdio::null()), port);
        Self { home, port, fingerprint, _process: server }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        format!("sftp://127.0.0.1:{}{}/{name}", self.port, self.home.path().display())
    }

    fn open(&self, path: &str, members: &Value) -> Box<dyn Source> {
        let user = output(Command::new("id").arg("-un"));
        let mut authorization = json!({"type": "sftp", "user": user});
        for (name, value) in members.as_object().unwrap() {
            authorization[name] = value.clone();
        }
        let data_type = json!({"path": self.path(path)});
        let settings =
            serde_json::from_value::<FileSettings>(json!({"dataTypes": {"a": data_type}})).unwrap();
        source(&settings.into(), &authorization, "a", self.home.path())
    }

    /// What a user has who knows the server.
    fn known(&self) -> Value {
        json!({"privateKey": "${file:user}", "hostKeys": [self.fingerprint]})
    }
}

#[tokio::test]
async fn files_of_a_server_are_read_and_a_reading_goes_on_in_their_middle() {
    let server = Server::start();
    let rows: String = (0..2_000).map(|n| format!("{n},\"é\n{n}\"\n")).collect();
    write(&server.at("out/b.csv"), format!("n,t\n{rows}"));
    write(&server.at("out/a.csv"), "n,t\n-1,first\n");
    write(&server.at("out/deep/c.csv"), "n,t\n-2,deep\n");
    write(&server.at("out/notes.txt"), "none");
    std::os::unix::fs::symlink("b.csv", server.at("out/link.txt")).unwrap();
    let source = server.open("out/*.csv", &server.known());
    let described = source.check().await.unwrap();
    assert!(described.starts_with("2 files: "), "{described}");
    let read = |page| Read { page, page_size: Some(450), ..Read::default() };
    let whole = read_pages(&*source, read(None)).await.unwrap();
    let expected = content(&whole);
    assert_eq!((expected.0.len(), expected.1.len()), (2_001, 0));
    for at in 1..whole.len() {
        let rest = read_pages(&*source, read(whole[at - 1].next.clone())).await.unwrap();
        let all: Vec<Page> = whole[..at].iter().cloned().chain(rest).collect();
        assert_eq!(content(&all), expected, "from page {at}");
    }
    let all = read_all(&*server.open("out/**/*.csv", &server.known())).await.unwrap();
    assert_eq!(content(&all).0.len(), 2_002);
    write(&server.at("out/b.csv"), format!("n,t\n{rows}3,x\n"));
    let changed = source.open(read(whole[3].next.clone())).await.map(drop).unwrap_err();
    assert!(matches!(changed, SourceError::PageRefused { .. }), "{changed}");
}

#[tokio::test]
async fn a_user_proves_who_it_is_by_a_key() {
    let server = Server::start();
    write(&server.at("a.csv"), "n\n1\n");
    let host = &server.fingerprint;
    let locked = json!({"privateKey": "${file:locked}", "passphrase": "${env:TOKEN}", "hostKeys": [host]});
    assert_eq!(read_all(&*server.open("a.csv", &locked)).await.unwrap().len(), 1);
    key(&server.at("stranger"), "ed25519", "");
    for (members, expected) in [
        (json!({"privateKey": "${file:stranger}", "hostKeys": [host]}), "does not accept the user"),
        (json!({"password": "${env:TOKEN}", "hostKeys": [host]}), "does not accept the user"),
        (json!({"privateKey": "${file:locked}", "hostKeys": [host]}), "`passphrase` does not open it"),
        (json!({"privateKey": "${file:a.csv}", "hostKeys": [host]}), "is no private key"),
    ] {
        let error = server.open("a.csv", &members).check().await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains(SECRET), "{members}: {error}");
    }
}

#[tokio::test]
async fn a_server_is_known_by_its_key() {
    let server = Server::start();
    write(&server.at("a.csv"), "n\n1\n");
    let host = fs::read_to_string(server.at("host.pub")).unwrap();
    write(&server.at("known"), format!("[127.0.0.1]:{} {host}", server.port));
    let other = key(&server.at("other"), "ed25519", "");
    let changed = fs::read_to_string(server.at("other.pub")).unwrap();
    write(&server.at("changed"), format!("[127.0.0.1]:{} {changed}", server.port));
    write(&server.at("empty"), "");
    let user = "${file:user}";
    let good = server.open("a.csv", &json!({"privateKey": user, "knownHosts": "known"}));
    assert_eq!(good.check().await.unwrap().split(':').next(), Some("1 file"));
    let shown = &server.fingerprint;
    for (members, expected) in [
        (
            json!({"privateKey": user, "knownHosts": "changed"}),
            format!("shows the key {shown}, and the key on line 1"),
        ),
        (
            json!({"privateKey": user, "hostKeys": [other]}),
            format!("shows the key {shown}, and {other} is expected"),
        ),
        (
            json!({"privateKey": user, "knownHosts": "empty"}),
            format!("is not known: it shows the key {shown}"),
        ),
        (json!({"privateKey": user, "knownHosts": "nowhere"}), "is not known".to_owned()),
        (json!({"privateKey": user}), "neither `hostKeys` nor `knownHosts`".to_owned()),
    ] {
        let error = server.open("a.csv", &members).check().await.unwrap_err();
        assert!(error.to_string().contains(&expected), "{members}: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let server = Server::start();
    write(&server.at("closed/a.csv"), "n\n1\n");
    for (path, expected) in [("none/*.csv", "no file is there"), ("none.csv", "no file is there")] {
        let error = server.open(path, &server.known()).check().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // Root reads everything.
    fs::set_permissions(server.at("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = output(Command::new("id").arg("-u")) == "0";
    let checked = server.open("closed/*.csv", &server.known()).check().await;
    fs::set_permissions(server.at("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(checked.is_ok(), is_root, "{checked:?}");
}
