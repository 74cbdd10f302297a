//! The first pages of `fs`.

use openwork::fs::{self, File, OpenOptions};
use openwork::io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::common::sockets::Directory;
use crate::program;

#[test]
fn files_are_made_read_copied_and_removed() {
    program(|| async {
        let directory = Directory::new();
        let (foo, bar) = (directory.path("foo.txt"), directory.path("bar.txt"));
        fs::write(&foo, b"Hello world!").await?;
        let contents = fs::read_to_string(&foo).await?;
        assert_eq!(contents, "Hello world!");
        assert_eq!(fs::copy(&foo, &bar).await?, 12);
        assert_eq!(fs::read(&bar).await?, contents.as_bytes());
        fs::rename(&bar, directory.path("baz.txt")).await?;
        assert!(!fs::try_exists(&bar).await?);
        assert_eq!(fs::metadata(&foo).await?.len(), 12);
        fs::remove_file(&foo).await?;
        assert_eq!(File::open(&foo).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        io::Result::Ok(())
    });
}

#[test]
fn a_file_is_opened_to_append_and_to_read() {
    program(|| async {
        let directory = Directory::new();
        let path = directory.path("log");
        for n in 0..3 {
            let mut file = OpenOptions::new().append(true).create(true).open(&path).await?;
            file.write_all(format!("{n}\n").as_bytes()).await?;
            file.sync_all().await?;
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await?;
        let mut lines = BufReader::new(&mut file).lines();
        let mut expected = 0;
        while let Some(line) = lines.next_line().await? {
            assert_eq!(line, expected.to_string());
            expected += 1;
        }
        file.set_len(2).await?;
        assert_eq!(file.metadata().await?.len(), 2);
        let std_file = file.into_std().await;
        let mut again = File::from_std(std_file);
        assert_eq!(again.read(&mut [0; 8]).await?, 0);
        io::Result::Ok(())
    });
}

#[test]
fn a_directory_is_listed() {
    program(|| async {
        let directory = Directory::new();
        fs::create_dir_all(directory.path("a/b/c")).await?;
        fs::create_dir(directory.path("d")).await?;
        let mut entries = fs::read_dir(directory.path("")).await?;
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            assert!(entry.file_type().await?.is_dir());
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["a", "d"]);
        fs::remove_dir_all(directory.path("a")).await?;
        io::Result::Ok(())
    });
}
