# What is waited for comes, on a busy machine too; nothing is proven by how soon.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)
