//! The files of the chat page, as `cargo xtask web` builds them from `web/`.

/// A file.
#[derive(Debug)]
pub struct File {
    pub path: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
}

/// Bytes of a file at most: what a connection that does not read may have waiting for it.
const FILE_BYTES_MAX: usize = 96 * 1024;

/// Every file.
pub const FILES: [File; 4] = [
    File {
        path: "/",
        content_type: "text/html; charset=utf-8",
        bytes: include_bytes!("../../assets/index.html"),
    },
    File {
        path: "/app.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app.js"),
    },
    File {
        path: "/app.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app.css"),
    },
    File {
        path: "/icon.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon.svg"),
    },
];

const _: () = {
    let mut at = 0;
    while at < FILES.len() {
        assert!(FILES[at].bytes.len() <= FILE_BYTES_MAX);
        at += 1;
    }
};

/// The file at a path.
pub fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}
