<?php
// One GET at the autologon host with the curl extension, which answers Negotiate with the signed-on user's ticket.
$domain = explode('@', getenv('SSOSIM_USER'))[1];
$url = "https://autologon.microsoftazuread-sso.com/$domain/winauth/sso";
$handle = curl_init($url);
curl_setopt_array($handle, [
    CURLOPT_HTTPAUTH => CURLAUTH_NEGOTIATE,
    CURLOPT_USERPWD => ':',
    CURLOPT_RETURNTRANSFER => true,
]);
if (curl_exec($handle) === false) {
    fwrite(STDERR, 'curl: ' . curl_error($handle) . "\n");
    exit(1);
}
$status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
if ($status !== 200) {
    fwrite(STDERR, "curl: $url answered $status\n");
    exit(1);
}
echo 'signed in as ', getenv('SSOSIM_USER'), "\n";
