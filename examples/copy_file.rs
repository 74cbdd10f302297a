//! Files: written line by line, copied in pieces, read again.
//!
//! A file is never "not ready yet" as a socket is: the system holds the thread until the disk has answered.
//! So each operation is a job for the blocking pool, and the task waits for it as for anything else. A
//! write may still be under way when `write` has returned; `flush` waits for it, and reports its error.
//!
//! What you will see: a file of some thousand lines, its copy with the progress that another task reports, and
//! how many lines and bytes arrived. All of it in a folder of its own, which is gone in the end.
//!
//! ```text
//! cargo run --example copy_file               as said
//! cargo run --example copy_file FROM TO       copies your file
//! ```

use std::io;
use std::path::Path;

use openwork::fs::{self, File};
use openwork::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use openwork::sync::watch;

fn main() -> io::Result<()> {
    openwork::block_on(async {
        let mut args = std::env::args_os().skip(1);
        if let (Some(from), Some(to)) = (args.next(), args.next()) {
            let bytes = copy(from.as_ref(), to.as_ref(), &watch::Sender::new(0)).await?;
            println!("{bytes} bytes");
            return Ok(());
        }
        let folder = std::env::temp_dir().join(format!("copy_file-{}", std::process::id()));
        fs::create_dir(&folder).await?;
        let result = demonstrate(&folder).await;
        // Even after an error.
        fs::remove_dir_all(&folder).await?;
        println!("the folder is gone: {}", !fs::try_exists(&folder).await?);
        result
    })
}

async fn demonstrate(folder: &Path) -> io::Result<()> {
    let (from, to) = (folder.join("from.txt"), folder.join("to.txt"));

    // Without a buffer, each line would be a job for the pool.
    let mut file = BufWriter::new(File::create(&from).await?);
    for number in 1..=10_000 {
        file.write_all(format!("This is line {number}.\n").as_bytes()).await?;
    }
    // Neither a buffer nor a file can wait, or say what went wrong, when it is dropped.
    file.flush().await?;
    println!("written: {} bytes", fs::metadata(&from).await?.len());

    let (progress, mut watched) = watch::channel(0);
    let reporter = openwork::spawn(async move {
        let mut quarter = 0;
        while watched.changed().await.is_ok() {
            let percent = *watched.borrow_and_update();
            if percent / 25 > quarter {
                quarter = percent / 25;
                println!("  {} % and more", quarter * 25);
            }
        }
    });
    let copied = copy(&from, &to, &progress).await?;
    drop(progress);
    reporter.await?;
    println!("copied: {copied} bytes");

    let mut lines = BufReader::new(File::open(&to).await?).lines();
    let (mut count, mut last) = (0, String::new());
    while let Some(line) = lines.next_line().await? {
        (count, last) = (count + 1, line);
    }
    println!("read: {count} lines, the last is \"{last}\"");
    let same = fs::read(&from).await? == fs::read(&to).await?;
    println!("the same in both: {same}");

    match File::open(folder.join("nothing")).await {
        Ok(_) => println!("that should not be there"),
        Err(error) => println!("a file that is not there: {:?}", error.kind()),
    }
    Ok(())
}

/// What `fs::copy` and `io::copy` do in one call, with the per cent that are done.
async fn copy(from: &Path, to: &Path, progress: &watch::Sender<u64>) -> io::Result<u64> {
    let (mut from, mut to) = (File::open(from).await?, File::create(to).await?);
    let length = from.metadata().await?.len().max(1);
    let (mut buf, mut copied) = (vec![0; 16 * 1024], 0);
    loop {
        let count = from.read(&mut buf).await?;
        if count == 0 {
            // Without it the last piece may still be in the pool's queue, and its error would be lost.
            to.flush().await?;
            return Ok(copied);
        }
        to.write_all(&buf[..count]).await?;
        copied += count as u64;
        progress.send_replace(copied * 100 / length);
    }
}
