#!/bin/sh
# Run sign_in.pl with the machine's Perl and the unpacked modules.
home=$(dirname "$0")
lib=$(echo "$home"/debian/usr/lib/*-linux-gnu*)
PERL5LIB=$home/debian/usr/share/perl5:$(echo "$lib"/perl5/5.*)
LD_LIBRARY_PATH=$lib
export PERL5LIB LD_LIBRARY_PATH
exec perl "$home/sign_in.pl"
