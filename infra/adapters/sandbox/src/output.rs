//! What a program prints.

use std::{io, time::Duration};

use dormouse_core::ports::Printed;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::sleep,
};

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// The pause after each piece that nobody wants: a program that prints without end waits, not the gateway.
const PAUSE: Duration = Duration::from_millis(1);

/// Reads to the end, and keeps the first `limit` bytes.
pub(crate) async fn collect(
    from: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Printed> {
    let Some(mut from) = from else { return Ok(Printed::default()) };
    let (mut kept, mut dropped) = (Vec::new(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(Printed { kept: kept.into(), dropped });
        }
        let wanted = length.min(limit - kept.len());
        kept.extend(piece.iter().take(wanted));
        dropped = dropped.saturating_add(u64::try_from(length - wanted).unwrap_or(u64::MAX));
        if wanted == 0 {
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_beginning_is_kept_and_the_rest_counted() {
        let text = vec![b'x'; 200_000];
        let printed = collect(Some(&*text), 70_000).await.unwrap();
        assert_eq!((printed.kept.len(), printed.dropped), (70_000, 130_000));
        let printed = collect(Some(&*text), 0).await.unwrap();
        assert_eq!((printed.kept.len(), printed.dropped), (0, 200_000));
    }
}
