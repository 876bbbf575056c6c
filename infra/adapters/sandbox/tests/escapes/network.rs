//! Ports of the machine, and sockets that have names.

use std::{
    io::ErrorKind,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
};

use crate::yard::yards;

#[tokio::test]
async fn nobody_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for yard in yards() {
        let printed = yard
            .python(&format!(
                "import socket\n\
                 try:\n    socket.create_connection(('127.0.0.1', {port}), 5)\n    print('DIALLED')\n\
                 except OSError as error:\n    print('over', error)"
            ))
            .await;
        assert!(printed.starts_with("over"), "{}: {printed}", yard.name);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{}", yard.name);
    }
}

#[tokio::test]
async fn nobody_is_listened_for() {
    for yard in yards() {
        let printed = yard
            .python(
                "import socket\n\
                 for family in ['AF_INET', 'AF_INET6', 'AF_PACKET', 'AF_NETLINK', 'AF_VSOCK', 'AF_ALG', 'AF_BLUETOOTH']:\n\
                 \x20   for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW]:\n\
                 \x20       try:\n\
                 \x20           s = socket.socket(getattr(socket, family, 99), kind)\n\
                 \x20           print('OPENED', family, kind)\n\
                 \x20       except OSError as error:\n\
                 \x20           pass\n\
                 print('over')",
            )
            .await;
        assert_eq!(printed, "over\n", "{}", yard.name);
    }
}

#[tokio::test]
async fn no_socket_of_the_machine_is_reached_by_its_name() {
    let name = format!("dormouse-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    listener.set_nonblocking(true).unwrap();
    for yard in yards() {
        let path = yard.folder.path().join("socket");
        let named = UnixListener::bind(&path).unwrap();
        // Everybody of the machine may.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        let letters = yard.folder.path().join("letters");
        let letter_box = UnixDatagram::bind(&letters).unwrap();
        letter_box.set_nonblocking(true).unwrap();
        std::fs::set_permissions(&letters, PermissionsExt::from_mode(0o777)).unwrap();
        named.set_nonblocking(true).unwrap();
        let printed = yard
            .python(&format!(
                "import socket\n\
                 for name in ['\\0{name}', '{}']:\n\
                 \x20   try:\n\
                 \x20       socket.socket(socket.AF_UNIX).connect(name)\n\
                 \x20       print('REACHED', name)\n\
                 \x20   except OSError as error:\n\
                 \x20       pass\n\
                 for make in [lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),\n\
                 \x20       lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]]:\n\
                 \x20   try:\n\
                 \x20       make().sendto(b'x', '{}')\n\
                 \x20       print('SENT')\n\
                 \x20   except OSError as error:\n\
                 \x20       pass\n\
                 print('over')",
                path.display(),
                letters.display(),
            ))
            .await;
        assert_eq!(printed, "over\n", "{}", yard.name);
        let letter = letter_box.recv(&mut [0]).unwrap_err();
        assert_eq!(letter.kind(), ErrorKind::WouldBlock, "{}", yard.name);
        for listener in [&listener, &named] {
            assert_eq!(
                listener.accept().unwrap_err().kind(),
                ErrorKind::WouldBlock,
                "{}",
                yard.name
            );
        }
    }
}

#[tokio::test]
async fn its_own_processes_may_talk_to_each_other() {
    for yard in yards() {
        let printed = yard
            .python(
                "import socket, os\n\
                 one, other = socket.socketpair()\n\
                 if os.fork() == 0:\n    other.send(b'hello')\n    os._exit(0)\n\
                 print(one.recv(5).decode())",
            )
            .await;
        assert_eq!(printed, "hello\n", "{}", yard.name);
    }
}
