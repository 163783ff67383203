SELECT a FROM events -- FROM users
