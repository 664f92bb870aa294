#!/bin/sh
# Run sign_in.php with the unpacked PHP and its curl extension; with the machine's, where Debian's are installed.
home=$(dirname "$0")
php=$(ls "$home"/debian/usr/bin/php[0-9]* 2>/dev/null | head -n 1)
extension=$(ls "$home"/debian/usr/lib/php/*/curl.so 2>/dev/null | head -n 1)
exec "${php:-php}" ${extension:+-n -d "extension=$extension"} "$home/sign_in.php"
