//! The first page of `runtime`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openwork::io::{AsyncReadExt, AsyncWriteExt};
use openwork::net::{TcpListener, TcpStream};
use openwork::runtime::{self, Builder, Handle, Runtime, RuntimeFlavor};

use crate::common::ends;

#[test]
fn a_runtime_without_a_macro_runs_an_echo_server() -> Result<(), Box<dyn std::error::Error>> {
    let rt = Runtime::new()?;
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        openwork::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                openwork::spawn(async move {
                    let mut buf = [0; 1024];
                    loop {
                        let n = match socket.read(&mut buf).await {
                            Ok(0) => return,
                            Ok(n) => n,
                            Err(e) => {
                                println!("failed to read from socket; err = {e:?}");
                                return;
                            }
                        };
                        if let Err(e) = socket.write_all(&buf[0..n]).await {
                            println!("failed to write to socket; err = {e:?}");
                            return;
                        }
                    }
                });
            }
        });
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"hello world!").await?;
        let mut buf = [0; 12];
        stream.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"hello world!");
        Ok(())
    })
}

#[test]
fn a_builder_has_all_options() {
    ends(|| {
        let started = Arc::new(AtomicUsize::new(0));
        let count = started.clone();
        let stopped = Arc::new(AtomicUsize::new(0));
        let count_stopped = stopped.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .thread_name("my-custom-name")
            .thread_stack_size(3 * 1024 * 1024)
            .max_blocking_threads(2)
            .on_thread_start(move || {
                count.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move || {
                count_stopped.fetch_add(1, Ordering::SeqCst);
            })
            .enable_io()
            .enable_time()
            .build()
            .unwrap();
        let name = runtime.block_on(async {
            openwork::spawn(async { std::thread::current().name().map(str::to_owned) }).await
        });
        assert!(name.unwrap().unwrap().starts_with("my-custom-name"));
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::MultiThread);
        assert_eq!(runtime.metrics().num_workers(), 4);
        drop(runtime);
        assert_eq!(stopped.load(Ordering::SeqCst), started.load(Ordering::SeqCst));
    });
}

#[test]
fn a_handle_spawns_from_anywhere() {
    ends(|| {
        let rt = Runtime::new().unwrap();
        let handle = rt.handle().clone();
        let joined = std::thread::spawn(move || {
            let handle2 = handle.clone();
            handle.spawn(async { 1 });
            let task = handle2.spawn_blocking(|| 2);
            handle.block_on(task).unwrap()
        });
        assert_eq!(joined.join().unwrap(), 2);
        assert!(Handle::try_current().is_err());
        let _guard = rt.enter();
        assert!(Handle::try_current().is_ok());
        let task = openwork::spawn(async { "within a guard" });
        assert_eq!(rt.block_on(task).unwrap(), "within a guard");
    });
}

#[test]
fn a_runtime_is_shut_down_in_the_background() {
    ends(|| {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            openwork::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(200)));
        });
        runtime.shutdown_timeout(Duration::from_millis(1));
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let inner = Runtime::new().unwrap();
            inner.shutdown_background();
        });
    });
}
