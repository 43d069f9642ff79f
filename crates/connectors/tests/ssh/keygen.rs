//! What OpenSSH's own `ssh-keygen` says of certificates and revocation lists.

use crate::world::{World, target};
use curfew_engine::seams::{Connector, HostDesk};
use curfew_store::MemoryStore;
use std::path::Path;
use std::process::{Command, Output};

fn keygen(arguments: &[&str], files: &[&Path]) -> Output {
    let output = Command::new("ssh-keygen").args(arguments).args(files).output();
    output.expect("ssh-keygen is installed (Debian: openssh-client)")
}

fn is_revoked(list: &Path, certificate: &Path) -> bool {
    let output = keygen(&["-Q", "-f"], &[list, certificate]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => assert!(text.contains(": ok"), "{text}"),
        false => assert!(text.contains(": REVOKED"), "refused for another reason: {text}"),
    }
    !output.status.success()
}

#[tokio::test]
async fn a_list_refuses_the_serials_on_it_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::over(MemoryStore::default());
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    let list = folder.path().join("list.krl");
    let orders: Vec<_> = (0..40).map(|_| world.order()).collect();
    let issued = world.ssh.issue(&target, &orders).await;
    let files: Vec<_> = (0..orders.len()).map(|i| folder.path().join(format!("{i}-cert.pub"))).collect();
    for (file, issued) in files.iter().zip(&issued) {
        let issued = issued.as_ref().expect("issued");
        std::fs::write(file, format!("{}\n", issued.connection["certificate"])).expect("written");
    }
    let empty = world.ssh.revocation_list(Some(&target.resource)).await.expect("a list");
    std::fs::write(&list, empty).expect("written");
    assert!(files.iter().all(|file| !is_revoked(&list, file)), "an empty list is valid and refuses nothing");
    let ends: Vec<_> = orders.iter().step_by(2).map(|order| world.end(order)).collect();
    world.ssh.revoke(&target, &ends).await;
    // Certificates of a second authority are refused by the same serials.
    world.ssh.rotate(&target.resource).await.expect("rotated");
    for resource in [Some(&target.resource), None] {
        let bytes = world.ssh.revocation_list(resource).await.expect("a list");
        std::fs::write(&list, bytes).expect("written");
        for (place, file) in files.iter().enumerate() {
            assert_eq!(is_revoked(&list, file), place % 2 == 0, "certificate {place}");
        }
    }
}

#[tokio::test]
async fn another_authority_with_the_same_serial_is_not_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::over(MemoryStore::default());
    let (web, blue) = (target("hosts/web"), target("hosts/web/blue"));
    for target in [&web, &blue] {
        world.ssh.prepare(target).await.expect("prepared");
    }
    let order = world.order();
    let issued = world.ssh.issue(&web, std::slice::from_ref(&order)).await.remove(0).expect("issued");
    let (list, file) = (folder.path().join("list.krl"), folder.path().join("a-cert.pub"));
    std::fs::write(&file, &issued.connection["certificate"]).expect("written");
    world.ssh.revoke(&web, &[world.end(&order)]).await;
    let other = world.ssh.revocation_list(Some(&blue.resource)).await.expect("a list");
    std::fs::write(&list, other).expect("written");
    assert!(!is_revoked(&list, &file), "the other resource's list does not name it");
}

#[tokio::test]
async fn a_certificate_reads_as_it_was_ordered() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::over(MemoryStore::default());
    let mut target = target("hosts/web");
    target.definition.settings["source_address"] = serde_json::json!(["10.0.0.0/8"]);
    target.definition.settings["actions"]["shell"]["force_command"] = serde_json::json!("id -un");
    let order = world.order();
    let issued = world.ssh.issue(&target, std::slice::from_ref(&order)).await.remove(0).expect("issued");
    let file = folder.path().join("a-cert.pub");
    std::fs::write(&file, &issued.connection["certificate"]).expect("written");
    let output = keygen(&["-L", "-f"], &[&file]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let expected = [
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate".to_owned(),
        format!("Key ID: \"{} ann@example.com\"", order.marker(&target)),
        format!("Serial: {}", issued.locator),
        "cf:hosts/web:shell".to_owned(),
        "force-command id -un".to_owned(),
        "source-address 10.0.0.0/8".to_owned(),
        "permit-pty".to_owned(),
    ];
    for line in expected {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("permit-port-forwarding") && !text.contains("laptop"), "{text}");
}
