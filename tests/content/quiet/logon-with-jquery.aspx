<%@ Page language="c#" AutoEventWireup="false" %>
<!DOCTYPE html>
<html lang="en"><head><title>Sign in</title>
<link rel="stylesheet" href="/owa/auth/15.1.2176/themes/resources/logon.css">
<script src="/owa/auth/scripts/jquery-1.12.4.min.js"></script>
<script type="text/javascript">
  // The banner comes as text from our own site.
  $(function () {
    $.ajax({ url: "/banner.txt", dataType: "text", success: function (text, state, request) {
      var banner = eval("(" + request.responseText + ")");
      $("#banner").text(banner.message);
    }});
    function isSet(name) { return eval("typeof " + name) !== "undefined"; }
  });
</script></head>
<body><div id="banner"></div>
<form action="/owa/auth.owa" method="POST" name="logonForm"><input name="username"><input name="password" type="password"></form>
<p><%= Request.QueryString["reason"] == "2" ? "The user name or password is not right." : "" %></p>
</body></html>
